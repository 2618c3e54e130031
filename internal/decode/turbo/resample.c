/* The antialiased bicubic squash of Pillow (Image.resize with BICUBIC, a = -0.5), on integers throughout: whatever the
 * compiler makes of the loops, the result is the same to the bit.
 *
 * Unlike Pillow the vertical pass comes first, because it runs along rows and vectorises, and what stands between the
 * passes keeps six bits of fraction and is not clipped, so that the result is nearer to the exact one than Pillow's. */
#include "resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COEF_BITS 14 /* fraction of a filter coefficient */
#define MID_BITS 6   /* fraction between the passes: -64..319 in an int16 */
#define CHUNK 1024   /* values summed at a time: 4 KiB of sums stay in the first cache */

/* One binary serves all x86-64 chips: the loader picks the clone. Other systems compile the plain loop, which is as wide
 * as their baseline (NEON on arm64). */
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define MULTIVERSION __attribute__((target_clones("avx2", "default")))
#else
#define MULTIVERSION
#endif

typedef struct {
	int taps;     /* coefficients of each output value, a multiple of 4 in the vertical pass */
	int *first;   /* where each output value's taps begin in the input */
	int16_t *coef;
} filter;

static double cubic(double x)
{
	x = fabs(x);
	if (x < 1.0)
		return (1.5 * x - 2.5) * x * x + 1.0;
	if (x < 2.0)
		return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0;
	return 0.0;
}

static void filter_free(filter *f)
{
	free(f->first);
	free(f->coef);
}

/* Fills the integer coefficients of one output value. Their sum is exactly one, so that flat areas stay flat; the largest
 * one takes up what rounding left over. */
static void quantise(const double *weights, int n, int16_t *coef)
{
	double sum = 0;
	int i, total = 0, largest = 0;

	for (i = 0; i < n; i++)
		sum += weights[i];
	for (i = 0; i < n; i++) {
		coef[i] = (int16_t)lrint(weights[i] / sum * (1 << COEF_BITS));
		total += coef[i];
		if (coef[i] > coef[largest])
			largest = i;
	}
	coef[largest] = (int16_t)(coef[largest] + (1 << COEF_BITS) - total);
}

/* Coefficients for n input and out output values, as Pillow's precompute_coeffs derives them. */
static int filter_init(filter *f, int n, int out)
{
	double scale = (double)n / out;
	double filter_scale = scale < 1.0 ? 1.0 : scale;
	double support = 2.0 * filter_scale;
	int room = (int)ceil(support) * 2 + 1, i, j;
	double *weights = malloc(sizeof *weights * (size_t)room);

	f->taps = (room + 3) / 4 * 4;
	f->first = malloc(sizeof *f->first * (size_t)out);
	f->coef = calloc((size_t)out * (size_t)f->taps, sizeof *f->coef);
	if (weights == NULL || f->first == NULL || f->coef == NULL) {
		free(weights);
		return -1;
	}
	for (i = 0; i < out; i++) {
		double centre = (i + 0.5) * scale;
		int from = (int)(centre - support + 0.5), to = (int)(centre + support + 0.5);

		from = from < 0 ? 0 : from;
		to = to > n ? n : to;
		for (j = from; j < to; j++)
			weights[j - from] = cubic((j - centre + 0.5) / filter_scale);
		quantise(weights, to - from, f->coef + (size_t)i * f->taps);
		f->first[i] = from;
	}
	free(weights);
	return 0;
}

/* One row between the passes: taps rows of stride bytes from src on, weighted. */
MULTIVERSION
static void sum_rows(const uint8_t *src, size_t stride, int rows_left, const int16_t *coef, int taps, int16_t *dst, size_t len)
{
	size_t at, i;
	int t;

	for (at = 0; at < len; at += CHUNK) {
		size_t n = len - at < CHUNK ? len - at : CHUNK;
		int32_t sums[CHUNK];

		for (i = 0; i < n; i++)
			sums[i] = 1 << (COEF_BITS - MID_BITS - 1);
		for (t = 0; t < taps; t += 4) {
			/* Taps past the last row have coefficient zero; they read the last row again. */
			const uint8_t *s0 = src + at + stride * (size_t)(t < rows_left ? t : rows_left - 1);
			const uint8_t *s1 = src + at + stride * (size_t)(t + 1 < rows_left ? t + 1 : rows_left - 1);
			const uint8_t *s2 = src + at + stride * (size_t)(t + 2 < rows_left ? t + 2 : rows_left - 1);
			const uint8_t *s3 = src + at + stride * (size_t)(t + 3 < rows_left ? t + 3 : rows_left - 1);
			int16_t c0 = coef[t], c1 = coef[t + 1], c2 = coef[t + 2], c3 = coef[t + 3];

			for (i = 0; i < n; i++)
				sums[i] += (int16_t)s0[i] * c0 + (int16_t)s1[i] * c1 + (int16_t)s2[i] * c2 + (int16_t)s3[i] * c3;
		}
		for (i = 0; i < n; i++)
			dst[at + i] = (int16_t)(sums[i] >> (COEF_BITS - MID_BITS));
	}
}

static uint8_t clip(int32_t v)
{
	v >>= COEF_BITS + MID_BITS;
	return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* One output row from one row between the passes, of four values a pixel. */
MULTIVERSION
static void sum_columns(const int16_t *mid, const filter *f, uint8_t *dst, int out_w)
{
	int x, t, c;

	for (x = 0; x < out_w; x++) {
		const int16_t *s = mid + (size_t)f->first[x] * 4;
		const int16_t *k = f->coef + (size_t)x * f->taps;
		int32_t sums[4] = {0};

		for (t = 0; t < f->taps; t++)
			for (c = 0; c < 4; c++)
				sums[c] += (int32_t)s[t * 4 + c] * k[t];
		for (c = 0; c < 3; c++)
			dst[x * 3 + c] = clip(sums[c] + (1 << (COEF_BITS + MID_BITS - 1)));
	}
}

int turbo_resample(const uint8_t *pix, int w, int h, uint8_t *out, int out_w, int out_h)
{
	filter across = {0}, down = {0};
	size_t stride = (size_t)w * 3;
	int16_t *row = malloc(stride * sizeof *row), *mid = NULL;
	int x, y, result = -1;

	if (row == NULL || filter_init(&across, w, out_w) < 0 || filter_init(&down, h, out_h) < 0)
		goto done;
	/* The taps of the last columns may reach past the row, with coefficient zero: there must be something to read. */
	mid = calloc(((size_t)w + (size_t)across.taps) * 4, sizeof *mid);
	if (mid == NULL)
		goto done;
	for (y = 0; y < out_h; y++) {
		sum_rows(pix + stride * (size_t)down.first[y], stride, h - down.first[y], down.coef + (size_t)y * down.taps, down.taps,
			row, stride);
		for (x = 0; x < w; x++) {
			mid[x * 4] = row[x * 3];
			mid[x * 4 + 1] = row[x * 3 + 1];
			mid[x * 4 + 2] = row[x * 3 + 2];
		}
		sum_columns(mid, &across, out + (size_t)y * out_w * 3, out_w);
	}
	result = 0;
done:
	filter_free(&across);
	filter_free(&down);
	free(row);
	free(mid);
	return result;
}
