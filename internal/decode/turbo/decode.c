/* JPEG decoding with an error manager of our own. setjmp and longjmp never cross into Go: they begin and end here. */
#include "decode.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

typedef struct {
	struct jpeg_error_mgr mgr; /* first: libjpeg hands this pointer back to us */
	jmp_buf jump;
	int status;
	char *message;
	size_t message_len;
	const unsigned char *data; /* where the file begins */
} error_state;

typedef struct {
	struct jpeg_progress_mgr mgr;
	int max_scans;
} progress_state;

static void fail(error_state *e, int status, const char *message)
{
	e->status = status;
	snprintf(e->message, e->message_len, "%s", message);
	longjmp(e->jump, 1);
}

static void fail_with_message(j_common_ptr cinfo, int status)
{
	error_state *e = (error_state *)cinfo->err;
	char text[JMSG_LENGTH_MAX];

	e->mgr.format_message(cinfo, text);
	fail(e, status, text);
}

/* The library can not go on. */
static void error_exit(j_common_ptr cinfo)
{
	switch (cinfo->err->msg_code) {
	case JERR_INPUT_EOF:
	case JERR_INPUT_EMPTY:
		fail_with_message(cinfo, TURBO_TRUNCATED);
		break;
	case JERR_SOF_UNSUPPORTED:
	case JERR_BAD_PRECISION:
	case JERR_BAD_J_COLORSPACE:
	case JERR_BAD_IN_COLORSPACE:
	case JERR_CONVERSION_NOTIMPL:
	case JERR_ARITH_NOTIMPL:
	case JERR_NOT_COMPILED:
	case JERR_NOTIMPL:
	case JERR_FRACT_SAMPLE_NOTIMPL:
	case JERR_CCIR601_NOTIMPL:
	case JERR_COMPONENT_COUNT:
		fail_with_message(cinfo, TURBO_UNSUPPORTED);
		break;
	case JERR_IMAGE_TOO_BIG:
	case JERR_WIDTH_OVERFLOW:
	case JERR_OUT_OF_MEMORY:
		fail_with_message(cinfo, TURBO_TOO_LARGE);
		break;
	default:
		fail_with_message(cinfo, TURBO_DAMAGED);
	}
}

/* Stray bytes between two segments are padding. Within the coded data they are what the decoder left over: cameras pad
 * there too, but many bytes of all values are picture data, and the decoder lost its place in them (a flipped bit makes
 * Huffman codes come out too short or too long, and no other sign is left). */
static int lost_its_place(j_common_ptr cinfo)
{
	enum { FEW = 32 };
	j_decompress_ptr d = (j_decompress_ptr)cinfo;
	error_state *e = (error_state *)cinfo->err;
	size_t n = (size_t)cinfo->err->msg_parm.i[0], i;
	const unsigned char *end = d->src->next_input_byte; /* at the marker */
	unsigned char seen[256] = {0};
	int distinct = 0;

	if (!cinfo->is_decompressor || d->input_scan_number == 0 || n <= FEW || n > (size_t)(end - e->data))
		return 0;
	n = n < 256 ? n : 256;
	for (i = 1; i <= n; i++) {
		distinct += !seen[end[-(long)i]];
		seen[end[-(long)i]] = 1;
	}
	return distinct > (int)n / 4;
}

/* The library could go on, and would fill what is missing with grey. Level -1 is a warning, the rest is chat.
 * Warnings that are not named here may come with a later library and are taken for damage. */
static void emit_message(j_common_ptr cinfo, int level)
{
	if (level >= 0)
		return;
	switch (cinfo->err->msg_code) {
	case JWRN_EXTRANEOUS_DATA:
		if (lost_its_place(cinfo))
			fail_with_message(cinfo, TURBO_DAMAGED);
		return;
	case JWRN_ADOBE_XFORM:     /* unknown colour transform code, YCC is assumed */
	case JWRN_JFIF_MAJOR:      /* newer JFIF version */
	case JWRN_NOT_SEQUENTIAL:  /* unused scan parameters hold other than zero */
	case JWRN_TOO_MUCH_DATA:   /* lines after the last one */
#ifdef JWRN_BOGUS_ICC
	case JWRN_BOGUS_ICC:
#endif
		return;
	case JWRN_JPEG_EOF:
		fail_with_message(cinfo, TURBO_TRUNCATED);
		break;
	default:
		fail_with_message(cinfo, TURBO_DAMAGED);
	}
}

static void output_message(j_common_ptr cinfo)
{
	(void)cinfo; /* nothing of the library's reaches stderr */
}

static void init_errors(error_state *e, char *message, size_t len)
{
	jpeg_std_error(&e->mgr);
	e->mgr.error_exit = error_exit;
	e->mgr.emit_message = emit_message;
	e->mgr.output_message = output_message;
	e->status = TURBO_DAMAGED;
	e->message = message;
	e->message_len = len;
	e->data = NULL;
	message[0] = 0;
}

/* A file of a few kilobytes can hold thousands of scans, each of which walks all coefficients again. */
static void watch_scans(j_common_ptr cinfo)
{
	progress_state *p = (progress_state *)cinfo->progress;

	if (cinfo->is_decompressor && ((j_decompress_ptr)cinfo)->input_scan_number > p->max_scans)
		fail((error_state *)cinfo->err, TURBO_DAMAGED, "more scans than any real picture has");
}

/* Each block takes at least one bit in the file (two where DC and AC come in one scan), unless coded arithmetically:
 * a declared size that the file's length can not hold is refused before memory is taken for it. */
static void check_plausible(j_decompress_ptr cinfo, size_t len)
{
	int64_t blocks = 0;
	int i;

	if (cinfo->arith_code)
		return;
	for (i = 0; i < cinfo->num_components; i++) {
		jpeg_component_info *c = &cinfo->comp_info[i];

		blocks += (int64_t)c->width_in_blocks * (int64_t)c->height_in_blocks;
	}
	if (cinfo->progressive_mode ? blocks / 8 > (int64_t)len : blocks / 4 > (int64_t)len)
		fail((error_state *)cinfo->err, TURBO_TRUNCATED, "the file is too short for the size it declares");
}

static void check_colours(j_decompress_ptr cinfo)
{
	error_state *e = (error_state *)cinfo->err;

	switch (cinfo->jpeg_color_space) {
	case JCS_GRAYSCALE:
	case JCS_YCbCr:
	case JCS_RGB:
		return;
	case JCS_CMYK:
	case JCS_YCCK:
		fail(e, TURBO_CMYK, "CMYK colours");
		break;
	default:
		fail(e, TURBO_UNSUPPORTED, "unknown number of colour components");
	}
}

static void choose_scale(j_decompress_ptr cinfo, int min_side)
{
	unsigned int denom;

	cinfo->scale_num = 1;
	for (denom = 8; denom > 1; denom /= 2) {
		if (cinfo->image_width / denom >= (unsigned int)min_side && cinfo->image_height / denom >= (unsigned int)min_side)
			break;
	}
	cinfo->scale_denom = denom;
}

static void copy_tables(j_decompress_ptr cinfo, turbo_image *out)
{
	int i;
	JQUANT_TBL *t;

	/* The table of the component, as the library kept it when the component's first scan began. */
	t = cinfo->comp_info[0].quant_table;
	if (t == NULL)
		t = cinfo->quant_tbl_ptrs[cinfo->comp_info[0].quant_tbl_no & 3];
	for (i = 0; t != NULL && i < DCTSIZE2; i++)
		out->luma[i] = t->quantval[i];
	if (cinfo->num_components < 2)
		return;
	t = cinfo->comp_info[1].quant_table;
	if (t == NULL)
		t = cinfo->quant_tbl_ptrs[cinfo->comp_info[1].quant_tbl_no & 3];
	for (i = 0; t != NULL && i < DCTSIZE2; i++)
		out->chroma[i] = t->quantval[i];
	out->has_chroma_table = t != NULL;
}

static void read_pixels(j_decompress_ptr cinfo, turbo_image *out)
{
	size_t stride = (size_t)cinfo->output_width * 3;
	JSAMPROW rows[8];

	out->scale = (int)cinfo->scale_denom;
	out->pix_width = (int)cinfo->output_width;
	out->pix_height = (int)cinfo->output_height;
	out->pix = malloc(stride * cinfo->output_height);
	if (out->pix == NULL)
		fail((error_state *)cinfo->err, TURBO_TOO_LARGE, "no memory for the pixels");
	while (cinfo->output_scanline < cinfo->output_height) {
		JDIMENSION i, n = cinfo->output_height - cinfo->output_scanline;

		n = n < 8 ? n : 8;
		for (i = 0; i < n; i++)
			rows[i] = out->pix + stride * (cinfo->output_scanline + i);
		jpeg_read_scanlines(cinfo, rows, n);
	}
}

int turbo_decode(const unsigned char *data, size_t len, const turbo_options *o, turbo_image *out)
{
	struct jpeg_decompress_struct cinfo;
	error_state errors;
	progress_state progress;

	memset(&cinfo, 0, sizeof cinfo); /* so that destroy is safe whenever an error comes */
	init_errors(&errors, out->message, sizeof out->message);
	errors.data = data;
	cinfo.err = &errors.mgr;
	if (setjmp(errors.jump)) {
		jpeg_destroy_decompress(&cinfo);
		free(out->pix);
		out->pix = NULL;
		return errors.status;
	}
	jpeg_create_decompress(&cinfo);
	memset(&progress, 0, sizeof progress);
	progress.mgr.progress_monitor = watch_scans;
	progress.max_scans = o->max_scans;
	cinfo.progress = &progress.mgr;
	jpeg_mem_src(&cinfo, data, len);
	jpeg_read_header(&cinfo, TRUE);

	out->width = (int)cinfo.image_width;
	out->height = (int)cinfo.image_height;
	out->progressive = cinfo.progressive_mode;
	if (o->max_pixels > 0 && (int64_t)cinfo.image_width * (int64_t)cinfo.image_height > o->max_pixels)
		fail(&errors, TURBO_TOO_LARGE, "more pixels than allowed");
	check_colours(&cinfo);
	check_plausible(&cinfo, len);
	choose_scale(&cinfo, o->min_side);
	cinfo.out_color_space = JCS_RGB;
	cinfo.dct_method = JDCT_ISLOW; /* the one method that is the same on every chip */
	jpeg_start_decompress(&cinfo);
	read_pixels(&cinfo, out);
	copy_tables(&cinfo, out);
	jpeg_finish_decompress(&cinfo); /* reads on to the end marker, so that a cut is seen */
	jpeg_destroy_decompress(&cinfo);
	return TURBO_OK;
}

int turbo_encode(const unsigned char *pix, int w, int h, int quality, unsigned char **out, size_t *out_len,
	char *message, size_t message_len)
{
	struct jpeg_compress_struct cinfo;
	error_state errors;
	unsigned char *buf = NULL;
	unsigned long n = 0;

	memset(&cinfo, 0, sizeof cinfo);
	init_errors(&errors, message, message_len);
	cinfo.err = &errors.mgr;
	if (setjmp(errors.jump)) {
		jpeg_destroy_compress(&cinfo);
		free(buf);
		return errors.status;
	}
	jpeg_create_compress(&cinfo);
	jpeg_mem_dest(&cinfo, &buf, &n);
	cinfo.image_width = (JDIMENSION)w;
	cinfo.image_height = (JDIMENSION)h;
	cinfo.input_components = 3;
	cinfo.in_color_space = JCS_RGB;
	jpeg_set_defaults(&cinfo);
	jpeg_set_quality(&cinfo, quality, TRUE);
	jpeg_start_compress(&cinfo, TRUE);
	while (cinfo.next_scanline < cinfo.image_height) {
		JSAMPROW row = (JSAMPROW)(pix + (size_t)cinfo.next_scanline * w * 3);

		jpeg_write_scanlines(&cinfo, &row, 1);
	}
	jpeg_finish_compress(&cinfo);
	jpeg_destroy_compress(&cinfo);
	*out = buf;
	*out_len = n;
	return TURBO_OK;
}
