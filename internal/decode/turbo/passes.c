/* The passes of the resampler in portable C. Compilers vectorise them for the baseline of the chip. */
#include "passes.h"

static void sum_rows(const uint8_t *src, size_t stride, int taps, const int16_t *coef, int16_t *dst, size_t from, size_t to)
{
	enum { CHUNK = 512 }; /* the sums stay in the first cache */
	int32_t sums[CHUNK];
	size_t at, i;
	int t;

	for (at = from; at < to; at += CHUNK) {
		size_t n = to - at < CHUNK ? to - at : CHUNK;

		for (i = 0; i < n; i++)
			sums[i] = 1 << (COEF_BITS - MID_BITS - 1);
		for (t = 0; t < taps; t++) {
			const uint8_t *s = src + stride * (size_t)t + at;

			for (i = 0; i < n; i++)
				sums[i] += (int16_t)s[i] * coef[t];
		}
		for (i = 0; i < n; i++)
			dst[at + i] = (int16_t)(sums[i] >> (COEF_BITS - MID_BITS));
	}
}

static uint8_t clip(int32_t v)
{
	v = (v + (1 << (COEF_BITS + MID_BITS - 1))) >> (COEF_BITS + MID_BITS);
	return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void sum_columns(const int16_t *planes, size_t plane, const filter *f, uint8_t *dst, int out_w)
{
	int x, t, c;

	for (x = 0; x < out_w; x++) {
		const int16_t *k = f->coef + (size_t)x * (size_t)f->taps;

		for (c = 0; c < 3; c++) {
			const int16_t *s = planes + plane * (size_t)c + f->first[x];
			int32_t sum = 0;

			for (t = 0; t < f->taps; t++)
				sum += (int32_t)s[t] * k[t];
			dst[x * 3 + c] = clip(sum);
		}
	}
}

const passes portable_passes = {sum_rows, sum_columns};
