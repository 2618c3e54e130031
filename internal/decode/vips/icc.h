#ifndef DUPFIND_VIPS_ICC_H
#define DUPFIND_VIPS_ICC_H

#include <stddef.h>
#include <stdint.h>

/* A transform from a profile's colours to sRGB. NULL when the profile is broken or not for that number of bands: 1 (grey),
 * 3 (RGB) or 4 (CMYK), of 1 or 2 bytes a sample, in and out alike. */
void *icc_open(const void *profile, size_t profile_len, int bands, int bytes_per_sample);
void icc_apply(void *transform, const void *pix, void *out, size_t pixels, int bands, int bytes_per_sample);
void icc_close(void *transform);

#endif
