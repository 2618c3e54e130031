/* The decoding half of the speed bound: reads JPEG files and decodes them by libjpeg-turbo at 1/8 of their size, on a number
 * of threads, and does nothing else. What a scan has to do besides (hash, tile, EXIF, thumbnail, store, search) is not here.
 *
 *   cc -O2 -o bound bound.c -ljpeg -lpthread
 *   bound THREADS FILE...       prints the wall time in seconds
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jpeglib.h>

static char **files;
static int count;
static atomic_int next_file;
static atomic_int failed;

struct catcher {
	struct jpeg_error_mgr mgr;
	jmp_buf back;
};

static void give_up(j_common_ptr c) { longjmp(((struct catcher *)c->err)->back, 1); }
static void be_quiet(j_common_ptr c, int level) { (void)c, (void)level; }

static unsigned char *read_file(const char *path, unsigned long *size) {
	FILE *f = fopen(path, "rb");
	if (!f) return NULL;
	unsigned char *data = NULL;
	if (fseek(f, 0, SEEK_END) == 0) {
		long n = ftell(f);
		rewind(f);
		data = n > 0 ? malloc(n) : NULL;
		if (data && fread(data, 1, n, f) != (size_t)n) {
			free(data);
			data = NULL;
		}
		*size = n;
	}
	fclose(f);
	return data;
}

static int decode(unsigned char *data, unsigned long size) {
	struct jpeg_decompress_struct c;
	struct catcher err;
	c.err = jpeg_std_error(&err.mgr);
	err.mgr.error_exit = give_up;
	err.mgr.emit_message = be_quiet;
	unsigned char *volatile pixels = NULL;
	if (setjmp(err.back)) {
		jpeg_destroy_decompress(&c);
		free(pixels);
		return -1;
	}
	jpeg_create_decompress(&c);
	jpeg_mem_src(&c, data, size);
	jpeg_read_header(&c, TRUE);
	c.scale_num = 1;
	c.scale_denom = 8;
	c.out_color_space = JCS_RGB;
	jpeg_start_decompress(&c);
	size_t stride = (size_t)c.output_width * c.output_components;
	pixels = malloc(stride * c.output_height);
	while (c.output_scanline < c.output_height) {
		JSAMPROW row = pixels + stride * c.output_scanline;
		jpeg_read_scanlines(&c, &row, 1);
	}
	jpeg_finish_decompress(&c);
	jpeg_destroy_decompress(&c);
	free(pixels);
	return 0;
}

static void *work(void *unused) {
	(void)unused;
	for (int i; (i = atomic_fetch_add(&next_file, 1)) < count;) {
		unsigned long size = 0;
		unsigned char *data = read_file(files[i], &size);
		if (!data || decode(data, size) != 0) atomic_fetch_add(&failed, 1);
		free(data);
	}
	return NULL;
}

int main(int argc, char **argv) {
	int threads = argc > 2 ? atoi(argv[1]) : 0;
	if (threads < 1 || threads > 256) {
		fprintf(stderr, "usage: bound THREADS FILE...\n");
		return 2;
	}
	files = argv + 2;
	count = argc - 2;
	pthread_t t[256];
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&t[i], NULL, work, NULL) != 0) return 1;
	for (int i = 0; i < threads; i++) pthread_join(t[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (failed) {
		fprintf(stderr, "bound: %d of %d files could not be decoded\n", failed, count);
		return 1;
	}
	printf("%.4f\n", (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9);
	return 0;
}
