#ifndef DUPFIND_TURBO_PASSES_H
#define DUPFIND_TURBO_PASSES_H

#include <stddef.h>
#include <stdint.h>

#define COEF_BITS 14 /* fraction of a filter coefficient */
#define MID_BITS 6   /* fraction between the passes: -64..319 in an int16 */
#define TAPS 16      /* coefficients are padded with zeros to a multiple of this */

typedef struct {
	int taps;   /* coefficients of each output value, a multiple of TAPS */
	int *first; /* where each output value's taps begin in the input */
	int *used;  /* how many of them are not padding */
	int16_t *coef;
} filter;

/* The two passes, in portable code and in code for one kind of chip. All arithmetic is on integers and exact up to the
 * rounding at the end of each pass, so they give the same to the bit. */
typedef struct {
	/* Values from..to of one row between the passes: taps rows of stride bytes from src on, weighted. */
	void (*sum_rows)(const uint8_t *src, size_t stride, int taps, const int16_t *coef, int16_t *dst, size_t from, size_t to);
	/* One output row from three planes, of plane values each. */
	void (*sum_columns)(const int16_t *planes, size_t plane, const filter *f, uint8_t *dst, int out_w);
} passes;

extern const passes portable_passes;

/* The fastest that this chip runs. */
const passes *best_passes(void);

#endif
