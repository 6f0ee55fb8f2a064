/* SPDX-License-Identifier: Apache-2.0
 *
 * One picture in another size: reads it from a descriptor, writes it to standard output. It reads what strangers sent,
 * so storage starts it in a sandbox, once for each picture (storage/render.h):
 *
 *     freehold-image FD WIDTH HEIGHT cover|contain|fill .webp|.avif|.jpg|.png|.gif QUALITY X Y
 *
 * WIDTH, HEIGHT: 0 for as the other asks. X, Y: where a crop lies, 0 to 1. It never makes a picture larger than it was.
 * It ends with one of the statuses of storage/render_status.h, and words on standard error.
 *
 * libvips is loaded at run time, by the calls that its documentation offers to other languages' bindings: so that
 * nothing else needs it, at build or at run. */
#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/render_status.h"

#define SIZE_FORCE 3 /* VIPS_SIZE_FORCE */

struct vips {
	int (*init)(const char *name);
	void (*block_untrusted_set)(int state);
	void (*concurrency_set)(int threads);
	void (*cache_set_max)(int max);
	const char *(*error_buffer)(void);
	void *(*source_new_from_descriptor)(int fd);
	const char *(*foreign_find_load_source)(void *source);
	void *(*image_new_from_source)(void *source, const char *options, ...);
	int (*image_get_width)(const void *image);
	int (*image_get_height)(const void *image);
	int (*image_get_orientation_swap)(void *image);
	int (*thumbnail_source)(void *source, void **out, int width, ...);
	int (*crop)(void *in, void **out, int left, int top, int width, int height, ...);
	void *(*target_new_to_descriptor)(int fd);
	int (*image_write_to_target)(void *image, const char *suffix, void *target, ...);
};

struct wish {
	int fd, width, height, quality;
	const char *resize, *suffix;
	double x, y;
};

/* How large it becomes, and the part of that which is kept. */
struct plan {
	int width, height, left, top, kept_width, kept_height;
};

static int fail(int status, const char *words)
{
	(void)fprintf(stderr, "%s\n", words);
	return status;
}

static bool load(struct vips *v)
{
	void *library = dlopen("libvips.so.42", RTLD_NOW | RTLD_LOCAL);
	struct {
		const char *name;
		void *place;
	} wanted[] = {{"vips_init", &v->init},
		      {"vips_block_untrusted_set", &v->block_untrusted_set},
		      {"vips_concurrency_set", &v->concurrency_set},
		      {"vips_cache_set_max", &v->cache_set_max},
		      {"vips_error_buffer", &v->error_buffer},
		      {"vips_source_new_from_descriptor", &v->source_new_from_descriptor},
		      {"vips_foreign_find_load_source", &v->foreign_find_load_source},
		      {"vips_image_new_from_source", &v->image_new_from_source},
		      {"vips_image_get_width", &v->image_get_width},
		      {"vips_image_get_height", &v->image_get_height},
		      {"vips_image_get_orientation_swap", &v->image_get_orientation_swap},
		      {"vips_thumbnail_source", &v->thumbnail_source},
		      {"vips_crop", &v->crop},
		      {"vips_target_new_to_descriptor", &v->target_new_to_descriptor},
		      {"vips_image_write_to_target", &v->image_write_to_target}};
	for (size_t i = 0; library != NULL && i < sizeof wanted / sizeof *wanted; i++) {
		void *found = dlsym(library, wanted[i].name);
		if (found == NULL) return false;
		memcpy(wanted[i].place, &found, sizeof found);
	}
	return library != NULL;
}

/* The formats that pictures on the web have; everything else that libvips could read stays closed. */
static bool is_allowed(const char *loader)
{
	static const char *const allowed[] = {"VipsForeignLoadJpegSource", "VipsForeignLoadPngSource",
					      "VipsForeignLoadWebpSource", "VipsForeignLoadNsgifSource",
					      "VipsForeignLoadHeifSource"};
	for (size_t i = 0; loader != NULL && i < sizeof allowed / sizeof *allowed; i++)
		if (strcmp(loader, allowed[i]) == 0) return true;
	return false;
}

static int at_least_one(double n)
{
	return n < 1 ? 1 : (int)lround(n);
}

/* As imgproxy without enlarging, which is what upstream asks: a picture that is smaller than the wish stays; of a shape
 * that would be stretched only the shape is taken. */
static struct plan plan_of(const struct wish *wish, int width, int height)
{
	double w = width, h = height;
	double by_width = wish->width > 0 ? w / wish->width : 0, by_height = wish->height > 0 ? h / wish->height : 0;
	if (by_width == 0) by_width = by_height;
	if (by_height == 0) by_height = by_width;
	if (by_width == 0) by_width = by_height = 1;
	if (strcmp(wish->resize, "cover") == 0)
		by_width = by_height = fmin(by_width, by_height);
	else if (strcmp(wish->resize, "contain") == 0)
		by_width = by_height = fmax(by_width, by_height);
	double least = fmin(by_width, by_height);
	if (least < 1) by_width /= least, by_height /= least;
	struct plan p = {.width = at_least_one(w / by_width), .height = at_least_one(h / by_height)};
	p.kept_width = wish->width > 0 && wish->width < p.width ? wish->width : p.width;
	p.kept_height = wish->height > 0 && wish->height < p.height ? wish->height : p.height;
	p.left = (int)((p.width - p.kept_width) * wish->x);
	p.top = (int)((p.height - p.kept_height) * wish->y);
	return p;
}

static int write_out(const struct vips *v, void *image, const struct wish *wish)
{
	void *target = v->target_new_to_descriptor(1);
	bool has_quality = strcmp(wish->suffix, ".png") != 0 && strcmp(wish->suffix, ".gif") != 0;
	int failed = has_quality ? v->image_write_to_target(image, wish->suffix, target, "Q", wish->quality, "strip", 1,
							    (char *)NULL)
				 : v->image_write_to_target(image, wish->suffix, target, "strip", 1, (char *)NULL);
	return failed ? fail(RENDER_BAD_IMAGE, v->error_buffer()) : RENDER_DONE;
}

static int render(const struct vips *v, const struct wish *wish)
{
	void *source = v->source_new_from_descriptor(wish->fd), *out = NULL, *part = NULL;
	if (source == NULL || !is_allowed(v->foreign_find_load_source(source)))
		return fail(RENDER_BAD_IMAGE, "this is no picture of a kind that is served");
	void *image = v->image_new_from_source(source, "", (char *)NULL);
	if (image == NULL) return fail(RENDER_BAD_IMAGE, v->error_buffer());
	int width = v->image_get_width(image), height = v->image_get_height(image);
	if ((uint64_t)width * (uint64_t)height > RENDER_PIXELS_MAX)
		return fail(RENDER_TOO_LARGE, "the picture has too many pixels");
	if (v->image_get_orientation_swap(image)) {
		int swap = width;
		width = height, height = swap;
	}
	struct plan p = plan_of(wish, width, height);
	if (v->thumbnail_source(source, &out, p.width, "height", p.height, "size", SIZE_FORCE, "export_profile", "srgb",
				(char *)NULL) != 0)
		return fail(RENDER_BAD_IMAGE, v->error_buffer());
	if (p.kept_width == p.width && p.kept_height == p.height) return write_out(v, out, wish);
	if (v->crop(out, &part, p.left, p.top, p.kept_width, p.kept_height, (char *)NULL) != 0)
		return fail(RENDER_BAD_IMAGE, v->error_buffer());
	return write_out(v, part, wish);
}

int main(int argc, char **argv)
{
	struct vips v;
	if (argc != 9) return fail(RENDER_FAILED, "freehold-image is started by freehold-backend");
	struct wish wish = {.fd = atoi(argv[1]),
			    .width = atoi(argv[2]),
			    .height = atoi(argv[3]),
			    .resize = argv[4],
			    .suffix = argv[5],
			    .quality = atoi(argv[6]),
			    .x = atof(argv[7]),
			    .y = atof(argv[8])};
	if (!load(&v) || v.init("freehold-image") != 0)
		return fail(RENDER_NO_LIBRARY, "libvips is missing: install Debian's package libvips42");
	v.block_untrusted_set(1);
	v.concurrency_set(1);
	v.cache_set_max(0);
	return render(&v, &wish);
}
