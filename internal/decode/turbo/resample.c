/* The antialiased bicubic squash of Pillow (Image.resize with BICUBIC, a = -0.5), on integers throughout: whatever the
 * compiler makes of the loops, the result is the same to the bit.
 *
 * Unlike Pillow the vertical pass comes first, because it runs along rows and vectorises, and what stands between the
 * passes keeps six bits of fraction and is not clipped, so that the result is nearer to the exact one than Pillow's. */
#include "resample.h"
#include "passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The coefficients are computed in floating point: without fused operations, which would round otherwise on some chips. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

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
	free(f->used);
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

/* Coefficients for n input and out output values, as Pillow's precompute_coeffs derives them. The outputs lie evenly over the
 * first extent of the input, which need not be a whole number. */
static int filter_init(filter *f, int n, double extent, int out)
{
	double scale = extent / out;
	double filter_scale = scale < 1.0 ? 1.0 : scale;
	double support = 2.0 * filter_scale;
	int room = (int)ceil(support) * 2 + 1, i, j;
	double *weights = malloc(sizeof *weights * (size_t)room);

	f->taps = (room + TAPS - 1) / TAPS * TAPS;
	f->first = malloc(sizeof *f->first * (size_t)out);
	f->used = malloc(sizeof *f->used * (size_t)out);
	f->coef = calloc((size_t)out * (size_t)f->taps, sizeof *f->coef);
	if (weights == NULL || f->first == NULL || f->used == NULL || f->coef == NULL) {
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
		quantise(weights, to - from, f->coef + (size_t)i * (size_t)f->taps);
		f->first[i] = from;
		f->used[i] = to - from;
	}
	free(weights);
	return 0;
}

/* Three planes from a row of pixels. */
static void split_planes(const int16_t *row, int16_t *planes, size_t plane, int w)
{
	int16_t *red = planes, *green = planes + plane, *blue = planes + 2 * plane;
	int x;

	for (x = 0; x < w; x++) {
		red[x] = row[x * 3];
		green[x] = row[x * 3 + 1];
		blue[x] = row[x * 3 + 2];
	}
}

int turbo_resample(const uint8_t *pix, int w, int h, double extent_w, double extent_h, uint8_t *out, int out_w, int out_h, int plain)
{
	const passes *p = plain ? &portable_passes : best_passes();
	filter across = {0}, down = {0};
	size_t stride = (size_t)w * 3, plane = 0;
	int16_t *row = malloc(stride * sizeof *row), *planes = NULL;
	int y, result = -1;

	if (row == NULL || filter_init(&across, w, extent_w, out_w) < 0 || filter_init(&down, h, extent_h, out_h) < 0)
		goto done;
	/* The taps of the last columns may reach past the row, with coefficient zero: there must be something to read. */
	plane = (size_t)w + (size_t)across.taps;
	planes = calloc(plane * 3, sizeof *planes);
	if (planes == NULL)
		goto done;
	for (y = 0; y < out_h; y++) {
		size_t first = (size_t)down.first[y];

		p->sum_rows(pix + stride * first, stride, down.used[y], down.coef + (size_t)y * (size_t)down.taps, row, 0, stride);
		split_planes(row, planes, plane, w);
		p->sum_columns(planes, plane, &across, out + (size_t)y * (size_t)out_w * 3, out_w);
	}
	result = 0;
done:
	filter_free(&across);
	filter_free(&down);
	free(row);
	free(planes);
	return result;
}
