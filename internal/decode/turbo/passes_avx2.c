/* The passes of the resampler for x86-64 chips with AVX2, chosen at run time. */
#include "passes.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))

/* Two rows a step: their bytes in pairs, so that one instruction multiplies both and adds. */
AVX2 static inline void add_pair(__m256i sums[4], const uint8_t *a, const uint8_t *b, __m256i coefs)
{
	for (int i = 0; i < 2; i++) {
		__m128i ra = _mm_loadu_si128((const __m128i *)(a + 16 * i)), rb = _mm_loadu_si128((const __m128i *)(b + 16 * i));
		__m256i lo = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(ra, rb)), hi = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(ra, rb));

		sums[2 * i] = _mm256_add_epi32(sums[2 * i], _mm256_madd_epi16(lo, coefs));
		sums[2 * i + 1] = _mm256_add_epi32(sums[2 * i + 1], _mm256_madd_epi16(hi, coefs));
	}
}

AVX2 static inline __m256i coef_pair(int16_t a, int16_t b)
{
	return _mm256_set1_epi32((int32_t)((uint32_t)(uint16_t)a | (uint32_t)(uint16_t)b << 16));
}

AVX2 static void sum_rows(const uint8_t *src, size_t stride, int taps, const int16_t *coef, int16_t *dst, size_t from, size_t to)
{
	size_t at;
	int t;

	for (at = from; at + 32 <= to; at += 32) {
		__m256i round = _mm256_set1_epi32(1 << (COEF_BITS - MID_BITS - 1)), sums[4] = {round, round, round, round};
		const uint8_t *s = src + at;

		for (t = 0; t + 1 < taps; t += 2, s += 2 * stride)
			add_pair(sums, s, s + stride, coef_pair(coef[t], coef[t + 1]));
		if (t < taps)
			add_pair(sums, s, s, coef_pair(coef[t], 0));
		for (int i = 0; i < 2; i++) {
			__m256i lo = _mm256_srai_epi32(sums[2 * i], COEF_BITS - MID_BITS);
			__m256i hi = _mm256_srai_epi32(sums[2 * i + 1], COEF_BITS - MID_BITS);
			__m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(lo, hi), 0xD8);

			_mm256_storeu_si256((__m256i *)(dst + at + 16 * i), both);
		}
	}
	portable_passes.sum_rows(src, stride, taps, coef, dst, at, to);
}

AVX2 static inline __m256i dot(const int16_t *s, const int16_t *k, int taps)
{
	__m256i sum = _mm256_setzero_si256();

	for (int t = 0; t < taps; t += 16)
		sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(s + t)), _mm256_loadu_si256((const __m256i *)(k + t))));
	return sum;
}

AVX2 static void sum_columns(const int16_t *planes, size_t plane, const filter *f, uint8_t *dst, int out_w)
{
	const __m128i round = _mm_set1_epi32(1 << (COEF_BITS + MID_BITS - 1));
	int x, taps = f->taps;

	for (x = 0; x < out_w; x++) {
		const int16_t *k = f->coef + (size_t)x * (size_t)taps, *s = planes + f->first[x];
		__m256i red = dot(s, k, taps), green = dot(s + plane, k, taps), blue = dot(s + 2 * plane, k, taps);
		__m256i half = _mm256_hadd_epi32(_mm256_hadd_epi32(red, green), _mm256_hadd_epi32(blue, blue));
		__m128i sum = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
		uint32_t pixel;

		sum = _mm_srai_epi32(_mm_add_epi32(sum, round), COEF_BITS + MID_BITS);
		sum = _mm_packs_epi32(sum, sum);
		pixel = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
		/* The fourth byte is the next pixel's, which comes after; the last one's would be out of bounds. */
		memcpy(dst + (size_t)x * 3, &pixel, x + 1 < out_w ? 4 : 3);
	}
}

static const passes avx2_passes = {sum_rows, sum_columns};

const passes *best_passes(void)
{
	return __builtin_cpu_supports("avx2") ? &avx2_passes : &portable_passes;
}

#else

const passes *best_passes(void)
{
	return &portable_passes;
}

#endif
