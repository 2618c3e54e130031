#ifndef DUPFIND_TURBO_DECODE_H
#define DUPFIND_TURBO_DECODE_H

#include <stddef.h>
#include <stdint.h>

/* How a decode ended. The Go side maps these to error kinds; keep both in step. */
enum turbo_status {
	TURBO_OK = 0,
	TURBO_DAMAGED = 1,
	TURBO_TRUNCATED = 2,
	TURBO_UNSUPPORTED = 3,
	TURBO_TOO_LARGE = 4,
	TURBO_CMYK = 5,
};

typedef struct {
	int min_side;       /* both sides of the scaled picture are at least this, where the scale allows it */
	int64_t max_pixels; /* of the full size; 0: no limit */
	int max_scans;
} turbo_options;

typedef struct {
	int width, height; /* full size */
	int pix_width, pix_height, scale;
	unsigned char *pix; /* malloc'd RGB, the caller frees it */
	int progressive;
	int has_chroma_table;
	unsigned short luma[64], chroma[64]; /* quantisation tables, natural order */
	char message[256];
} turbo_image;

int turbo_decode(const unsigned char *data, size_t len, const turbo_options *o, turbo_image *out);
int turbo_encode(const unsigned char *pix, int w, int h, int quality, unsigned char **out, size_t *out_len,
	char *message, size_t message_len);

#endif
