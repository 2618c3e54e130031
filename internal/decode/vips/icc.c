#include "icc.h"

#include <lcms2.h>

static cmsUInt32Number pixel_type(cmsColorSpaceSignature space, int bands, int bytes)
{
	int pt;

	switch (space) {
	case cmsSigGrayData:
		pt = PT_GRAY;
		break;
	case cmsSigRgbData:
		pt = PT_RGB;
		break;
	case cmsSigCmykData:
		pt = PT_CMYK;
		break;
	default:
		return 0;
	}
	if ((int)cmsChannelsOf(space) != bands)
		return 0;
	return COLORSPACE_SH(pt) | CHANNELS_SH(bands) | BYTES_SH(bytes);
}

void *icc_open(const void *profile, size_t profile_len, int bands, int bytes_per_sample)
{
	/* A context of its own: no state is shared, and errors go nowhere but the return value. */
	cmsContext ctx = cmsCreateContext(NULL, NULL);
	cmsHPROFILE from = NULL, to = NULL;
	cmsHTRANSFORM transform = NULL;
	cmsUInt32Number type;

	if (ctx == NULL)
		return NULL;
	from = cmsOpenProfileFromMemTHR(ctx, profile, (cmsUInt32Number)profile_len);
	if (from == NULL)
		goto done;
	type = pixel_type(cmsGetColorSpace(from), bands, bytes_per_sample);
	to = cmsCreate_sRGBProfileTHR(ctx);
	if (type == 0 || to == NULL)
		goto done;
	/* The coarser grid matters for CMYK alone, where the fine one takes longer than the photo. */
	transform = cmsCreateTransformTHR(ctx, from, type, to, COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3) | BYTES_SH(bytes_per_sample),
		INTENT_PERCEPTUAL, bands == 4 ? cmsFLAGS_LOWRESPRECALC : 0);
done:
	if (to != NULL)
		cmsCloseProfile(to);
	if (from != NULL)
		cmsCloseProfile(from);
	if (transform == NULL)
		cmsDeleteContext(ctx);
	return transform;
}

void icc_apply(void *transform, const void *pix, void *out, size_t pixels, int bands, int bytes_per_sample)
{
	while (pixels > 0) { /* the count of one call has 32 bits */
		cmsUInt32Number n = pixels > (1u << 24) ? 1u << 24 : (cmsUInt32Number)pixels;

		cmsDoTransform(transform, pix, out, n);
		pix = (const char *)pix + (size_t)n * bands * bytes_per_sample;
		out = (char *)out + (size_t)n * 3 * bytes_per_sample;
		pixels -= n;
	}
}

void icc_close(void *transform)
{
	cmsContext ctx = cmsGetTransformContextID(transform);

	cmsDeleteTransform(transform);
	cmsDeleteContext(ctx);
}
