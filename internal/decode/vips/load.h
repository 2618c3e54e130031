#ifndef DUPFIND_VIPS_LOAD_H
#define DUPFIND_VIPS_LOAD_H

#include <stddef.h>
#include <stdint.h>

typedef struct _VipsImage VipsImage;
typedef struct _VipsRegion VipsRegion;

enum { LOAD_GREY = 1, LOAD_RGB = 3, LOAD_CMYK = 4 };

typedef struct {
	const char *loader; /* a libvips operation that reads from memory; NULL: data is pixels, 8 bits, RGB or with alpha */
	int raw_width, raw_height, raw_bands;
	int64_t max_pixels; /* 0: no limit */
	int min_side;       /* shrink by whole numbers while both sides keep this length; 0: never */
	int orientation;    /* EXIF's, applied at the end */
	int too_large;      /* out: the declared size is over the limit */
} load_options;

typedef struct {
	int width, height; /* as stored, before orientation and shrinking */
	int pages;
	int pix_width, pix_height, bands; /* bands: LOAD_GREY, LOAD_RGB or LOAD_CMYK */
	unsigned char *pix;               /* g_malloc'd, 8 bits a sample, in the file's own colours */
	void *icc, *exif;                 /* g_malloc'd or NULL */
	size_t icc_len, exif_len;
} load_picture;

/* A picture read in strips at full depth. */
typedef struct {
	VipsImage *image;
	VipsRegion *region;
	int width, height, bands, pages; /* bands as stored, alpha included */
	int bytes_per_sample;            /* 1 or 2 */
	int colours;                     /* LOAD_GREY, LOAD_RGB, LOAD_CMYK */
	int alpha;                       /* the last band is alpha */
	void *icc;
	size_t icc_len;
} load_strips;

int load_decode(const void *data, size_t len, load_options *o, load_picture *out);
void load_picture_free(load_picture *p);

int load_open_strips(const void *data, size_t len, load_options *o, load_strips *s);
int load_read_strip(load_strips *s, int top, int rows, unsigned char *out);
void load_close_strips(load_strips *s);

int load_has(const char *loader);

#endif
