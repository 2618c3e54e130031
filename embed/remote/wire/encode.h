/* Tiles to files. Every function is safe to call from any thread. */
#ifndef DUPFIND_WIRE_ENCODE_H
#define DUPFIND_WIRE_ENCODE_H

#include <stddef.h>

typedef struct {
	unsigned char *data; /* the file; the caller frees it, whatever was returned */
	size_t len;
	size_t cap;
	char message[256]; /* why there is none */
} wire_file;

/* Both return 0, or -1 with the message set. */
int wire_webp(const unsigned char *rgb, int size, wire_file *out);
int wire_jpeg(const unsigned char *rgb, int size, int quality, wire_file *out);

#endif
