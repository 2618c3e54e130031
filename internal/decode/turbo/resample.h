#ifndef DUPFIND_TURBO_RESAMPLE_H
#define DUPFIND_TURBO_RESAMPLE_H

#include <stdint.h>

/* Squashes RGB pixels of w x h, of which the part extent_w x extent_h is the picture, to out_w x out_h. Returns 0, or -1 when there is no memory. With plain set it keeps to
 * portable code, for the test that the fast code gives the same. */
int turbo_resample(const uint8_t *pix, int w, int h, double extent_w, double extent_h, uint8_t *out, int out_w, int out_h, int plain);

#endif
