/* Both encoders write into a wire_file. setjmp and longjmp never cross into Go: they begin and end here. */
#include "encode.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>
#include <webp/encode.h>

/* Makes room for more bytes. Returns 0 when there is no memory; what was written stays. */
static int reserve(wire_file *f, size_t more)
{
	size_t cap = f->cap;
	unsigned char *data;

	if (more <= cap - f->len)
		return 1;
	while (cap - f->len < more)
		cap = cap < 4096 ? 4096 : cap * 2;
	data = realloc(f->data, cap);
	if (!data)
		return 0;
	f->data = data;
	f->cap = cap;
	return 1;
}

/* ---- WebP ---- */

static int write_webp(const uint8_t *data, size_t len, const WebPPicture *picture)
{
	wire_file *f = picture->custom_ptr;

	if (!reserve(f, len))
		return 0; /* WebPEncode fails with "bad write" */
	memcpy(f->data + f->len, data, len);
	f->len += len;
	return 1;
}

int wire_webp(const unsigned char *rgb, int size, wire_file *out)
{
	WebPConfig config;
	WebPPicture picture;
	int ok;

	if (!WebPConfigInit(&config) || !WebPConfigLosslessPreset(&config, 0) || !WebPPictureInit(&picture)) {
		snprintf(out->message, sizeof out->message, "libwebp is of another version than its header");
		return -1;
	}
	picture.use_argb = 1; /* or it would be taken through YUV, which is not lossless */
	picture.width = picture.height = size;
	picture.writer = write_webp;
	picture.custom_ptr = out;
	ok = WebPPictureImportRGB(&picture, rgb, size * 3) && WebPEncode(&config, &picture);
	if (!ok)
		snprintf(out->message, sizeof out->message, "libwebp error %d", picture.error_code);
	WebPPictureFree(&picture);
	return ok ? 0 : -1;
}

/* ---- JPEG ---- */

typedef struct {
	struct jpeg_error_mgr mgr; /* first: libjpeg hands this pointer back to us */
	jmp_buf jump;
	char *message;
	size_t message_len;
} jpeg_errors;

typedef struct {
	struct jpeg_destination_mgr mgr; /* first, likewise */
	wire_file *file;
} jpeg_sink;

static void error_exit(j_common_ptr cinfo)
{
	jpeg_errors *e = (jpeg_errors *)cinfo->err;
	char text[JMSG_LENGTH_MAX];

	e->mgr.format_message(cinfo, text);
	snprintf(e->message, e->message_len, "%s", text);
	longjmp(e->jump, 1);
}

/* An encoder has nothing to warn of, and nothing of ours goes to stderr. */
static void no_output(j_common_ptr cinfo)
{
	(void)cinfo;
}

static void offer(j_compress_ptr cinfo)
{
	jpeg_sink *s = (jpeg_sink *)cinfo->dest;

	if (!reserve(s->file, 4096))
		ERREXIT1(cinfo, JERR_OUT_OF_MEMORY, 0);
	s->mgr.next_output_byte = s->file->data + s->file->len;
	s->mgr.free_in_buffer = s->file->cap - s->file->len;
}

/* The library calls it when the whole room is full, whatever the two fields say. */
static boolean grow(j_compress_ptr cinfo)
{
	jpeg_sink *s = (jpeg_sink *)cinfo->dest;

	s->file->len = s->file->cap;
	offer(cinfo);
	return TRUE;
}

static void end(j_compress_ptr cinfo)
{
	jpeg_sink *s = (jpeg_sink *)cinfo->dest;

	s->file->len = s->file->cap - s->mgr.free_in_buffer;
}

int wire_jpeg(const unsigned char *rgb, int size, int quality, wire_file *out)
{
	struct jpeg_compress_struct cinfo;
	jpeg_errors errors;
	jpeg_sink sink = {{.init_destination = offer, .empty_output_buffer = grow, .term_destination = end}, .file = out};
	int i;

	memset(&cinfo, 0, sizeof cinfo);
	cinfo.err = jpeg_std_error(&errors.mgr);
	errors.mgr.error_exit = error_exit;
	errors.mgr.output_message = no_output;
	errors.message = out->message;
	errors.message_len = sizeof out->message;
	if (setjmp(errors.jump)) {
		jpeg_destroy_compress(&cinfo);
		return -1;
	}
	jpeg_create_compress(&cinfo);
	cinfo.dest = &sink.mgr;
	cinfo.image_width = cinfo.image_height = (JDIMENSION)size;
	cinfo.input_components = 3;
	cinfo.in_color_space = JCS_RGB;
	jpeg_set_defaults(&cinfo);
	jpeg_set_quality(&cinfo, quality, TRUE);
	for (i = 0; i < cinfo.num_components; i++) /* 4:4:4: the colours keep all their pixels */
		cinfo.comp_info[i].h_samp_factor = cinfo.comp_info[i].v_samp_factor = 1;
	cinfo.optimize_coding = TRUE; /* 5 % smaller for 0.6 ms, and JPEG is for links where bytes are dear */
	cinfo.dct_method = JDCT_ISLOW; /* the exact one, the same on every chip */
	jpeg_start_compress(&cinfo, TRUE);
	while (cinfo.next_scanline < cinfo.image_height) {
		JSAMPROW row = (JSAMPROW)(rgb + (size_t)cinfo.next_scanline * size * 3);

		jpeg_write_scanlines(&cinfo, &row, 1);
	}
	jpeg_finish_compress(&cinfo);
	jpeg_destroy_compress(&cinfo);
	return 0;
}
