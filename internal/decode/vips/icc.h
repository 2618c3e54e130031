#ifndef DUPFIND_VIPS_ICC_H
#define DUPFIND_VIPS_ICC_H

#include <stddef.h>
#include <stdint.h>

/* Transforms pixels of 1 (grey), 3 (RGB) or 4 (CMYK) bands, 8 or 16 bits, from the profile's colours to sRGB of the same
 * depth. Returns 0, or -1 when the profile is broken or not for that number of bands. */
int icc_to_srgb(const void *profile, size_t profile_len, const void *pix, void *out, size_t pixels, int bands, int bytes_per_sample);

#endif
