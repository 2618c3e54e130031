/* The calls to libvips that govips has no form of: strict load options for every loader, streaming shrink, strips. */
#include "load.h"

#include <string.h>
#include <vips/vips.h>

#define LONGEST 8192 /* a long picture is squashed further along its long side */

/* Takes over the reference to *image and puts the operation's result in its place. */
static int replace(VipsImage **image, VipsImage *next)
{
	g_object_unref(*image);
	*image = next;
	return 0;
}

static int open_pixels(const void *data, size_t len, load_options *o, VipsImage **out)
{
	*out = vips_image_new_from_memory(data, len, o->raw_width, o->raw_height, o->raw_bands, VIPS_FORMAT_UCHAR);
	if (*out == NULL)
		return -1;
	(*out)->Type = VIPS_INTERPRETATION_sRGB;
	return 0;
}

static int open_image(const void *data, size_t len, load_options *o, VipsImage **out)
{
	VipsBlob *blob;
	int r;

	if (o->loader == NULL)
		return open_pixels(data, len, o, out);
	blob = vips_blob_new(NULL, data, len);
	r = vips_call(o->loader, blob, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, NULL);

	vips_area_unref(VIPS_AREA(blob));
	if (r)
		return -1;
	if (o->max_pixels > 0 && (int64_t)(*out)->Xsize * (int64_t)(*out)->Ysize > o->max_pixels) {
		o->too_large = 1;
		vips_error("dupfind", "%d x %d pixels", (*out)->Xsize, (*out)->Ysize);
		g_object_unref(*out);
		*out = NULL;
		return -1;
	}
	return 0;
}

static void copy_blob(VipsImage *image, const char *name, void **out, size_t *len)
{
	const void *p;
	size_t n;

	if (!vips_image_get_typeof(image, name) || vips_image_get_blob(image, name, &p, &n))
		return;
	*out = g_memdup2(p, n);
	*len = n;
}

/* Colours other than grey, RGB and CMYK (Lab and so on) become sRGB here; so do the odd numbers of bands. */
static int plain_colours(VipsImage **image, int *colours)
{
	VipsImage *next;

	switch ((*image)->Type) {
	case VIPS_INTERPRETATION_B_W:
	case VIPS_INTERPRETATION_GREY16:
	case VIPS_INTERPRETATION_RGB:
	case VIPS_INTERPRETATION_sRGB:
	case VIPS_INTERPRETATION_RGB16:
	case VIPS_INTERPRETATION_MULTIBAND:
	case VIPS_INTERPRETATION_HISTOGRAM:
		break;
	case VIPS_INTERPRETATION_CMYK:
		if ((*image)->Bands >= 4) {
			*colours = LOAD_CMYK;
			return 0;
		}
		break;
	default:
		if (vips_colourspace(*image, &next, VIPS_INTERPRETATION_sRGB, NULL))
			return -1;
		replace(image, next);
	}
	*colours = (*image)->Bands < 3 ? LOAD_GREY : LOAD_RGB;
	return 0;
}

/* Unusual sample types become 8 bits; 8 and 16 bits stay. Floating point is taken as 0..1 where nothing is beyond that. */
static int plain_samples(VipsImage **image)
{
	VipsImage *next;
	double scale, most;

	switch ((*image)->BandFmt) {
	case VIPS_FORMAT_UCHAR:
	case VIPS_FORMAT_USHORT:
		return 0;
	case VIPS_FORMAT_UINT:
		scale = 255.0 / 4294967295.0;
		break;
	case VIPS_FORMAT_FLOAT:
	case VIPS_FORMAT_DOUBLE:
		next = vips_image_copy_memory(*image);
		if (next == NULL)
			return -1;
		replace(image, next);
		if (vips_max(*image, &most, NULL))
			return -1;
		scale = most <= 1.0 ? 255.0 : most <= 255.0 ? 1.0 : 255.0 / 65535.0;
		break;
	default:
		vips_error("dupfind", "unsupported type of samples: %s", vips_enum_nick(VIPS_TYPE_BAND_FORMAT, (*image)->BandFmt));
		return -1;
	}
	if (vips_linear1(*image, &next, scale, 0.0, "uchar", TRUE, NULL))
		return -1;
	return replace(image, next);
}

/* Alpha on white, then 8 bits, then only the bands that have a colour. */
static int flatten(VipsImage **image, int colours)
{
	VipsImage *next;

	if (colours != LOAD_CMYK && (*image)->Bands == colours + 1) {
		double white = (*image)->BandFmt == VIPS_FORMAT_USHORT ? 65535.0 : 255.0;
		VipsArrayDouble *background = vips_array_double_newv(1, white);
		int r = vips_flatten(*image, &next, "background", background, "max_alpha", white, NULL);

		vips_area_unref(VIPS_AREA(background));
		if (r)
			return -1;
		replace(image, next);
	}
	if ((*image)->BandFmt == VIPS_FORMAT_USHORT) {
		if (vips_cast(*image, &next, VIPS_FORMAT_UCHAR, "shift", TRUE, NULL))
			return -1;
		replace(image, next);
	}
	if ((*image)->Bands > colours) {
		if (vips_extract_band(*image, &next, 0, "n", colours, NULL))
			return -1;
		replace(image, next);
	}
	return 0;
}

static int shrink(VipsImage **image, int min_side)
{
	int w = (*image)->Xsize, h = (*image)->Ysize, f, across, down;
	VipsImage *next;

	if (min_side <= 0)
		return 0;
	f = (w < h ? w : h) / min_side;
	across = down = f < 1 ? 1 : f;
	if (w / across > LONGEST)
		across = w / LONGEST;
	if (h / down > LONGEST)
		down = h / LONGEST;
	if (across == 1 && down == 1)
		return 0;
	if (vips_shrink(*image, &next, across, down, NULL))
		return -1;
	return replace(image, next);
}

/* Turning needs the whole picture in memory. */
static int turn(VipsImage **image, int orientation)
{
	VipsImage *next;

	if (orientation < 2 || orientation > 8)
		return 0;
	next = vips_image_copy_memory(*image);
	if (next == NULL)
		return -1;
	replace(image, next);
	/* A copy, for the header of what is shared must not be written to. */
	if (vips_copy(*image, &next, NULL))
		return -1;
	replace(image, next);
	vips_image_set_int(*image, VIPS_META_ORIENTATION, orientation);
	if (vips_autorot(*image, &next, NULL))
		return -1;
	return replace(image, next);
}

static int prepare(VipsImage **image, load_options *o, load_picture *out)
{
	out->width = (*image)->Xsize;
	out->height = (*image)->Ysize;
	out->pages = vips_image_get_n_pages(*image);
	copy_blob(*image, VIPS_META_ICC_NAME, &out->icc, &out->icc_len);
	copy_blob(*image, VIPS_META_EXIF_NAME, &out->exif, &out->exif_len);
	if (plain_colours(image, &out->bands) || plain_samples(image) || flatten(image, out->bands) ||
		shrink(image, o->min_side) || turn(image, o->orientation))
		return -1;
	return 0;
}

int load_decode(const void *data, size_t len, load_options *o, load_picture *out)
{
	VipsImage *image = NULL;
	size_t n;

	if (open_image(data, len, o, &image))
		return -1;
	if (prepare(&image, o, out)) {
		g_object_unref(image);
		return -1;
	}
	out->pix = vips_image_write_to_memory(image, &n);
	out->pix_width = image->Xsize;
	out->pix_height = image->Ysize;
	g_object_unref(image);
	return out->pix == NULL ? -1 : 0;
}

void load_picture_free(load_picture *p)
{
	g_free(p->pix);
	g_free(p->icc);
	g_free(p->exif);
}

int load_open_strips(const void *data, size_t len, load_options *o, load_strips *s)
{
	if (open_image(data, len, o, &s->image))
		return -1;
	s->pages = vips_image_get_n_pages(s->image);
	copy_blob(s->image, VIPS_META_ICC_NAME, &s->icc, &s->icc_len);
	if (plain_colours(&s->image, &s->colours) || plain_samples(&s->image) || turn(&s->image, o->orientation))
		return -1;
	s->width = s->image->Xsize;
	s->height = s->image->Ysize;
	s->bands = s->image->Bands;
	s->bytes_per_sample = s->image->BandFmt == VIPS_FORMAT_USHORT ? 2 : 1;
	s->alpha = s->bands > s->colours;
	s->region = vips_region_new(s->image);
	return s->region == NULL ? -1 : 0;
}

/* Must be called on the thread that opened the strips, from top to bottom. */
int load_read_strip(load_strips *s, int top, int rows, unsigned char *out)
{
	VipsRect r = {0, top, s->width, rows};
	size_t row_bytes = (size_t)s->width * s->bands * s->bytes_per_sample;
	int y;

	if (vips_region_prepare(s->region, &r))
		return -1;
	for (y = 0; y < rows; y++)
		memcpy(out + (size_t)y * row_bytes, VIPS_REGION_ADDR(s->region, 0, top + y), row_bytes);
	return 0;
}

void load_close_strips(load_strips *s)
{
	if (s->region != NULL)
		g_object_unref(s->region);
	if (s->image != NULL)
		g_object_unref(s->image);
	g_free(s->icc);
}

int load_has(const char *loader)
{
	return vips_type_find("VipsOperation", loader) != 0;
}
