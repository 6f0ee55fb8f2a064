/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/asan.h"

#define BLOCK_SIZE 4096u

struct block {
	struct block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char bytes[];
};

struct deferred {
	struct deferred *next;
	void (*fn)(void *arg);
	void *arg;
};

struct arena {
	struct block *blocks; /* the newest first */
	struct deferred *deferred;
	size_t limit;
	size_t used;
};

static void *must(void *p)
{
	if (p == NULL) abort();
	return p;
}

static size_t aligned(size_t size)
{
	return (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

struct arena *arena_new(size_t limit_bytes)
{
	struct arena *a = must(calloc(1, sizeof *a));
	a->limit = limit_bytes;
	return a;
}

static void run_deferred(struct arena *a)
{
	while (a->deferred != NULL) {
		struct deferred *d = a->deferred;
		a->deferred = d->next;
		d->fn(d->arg);
		free(d);
	}
}

static void free_blocks(struct block *b)
{
	while (b != NULL) {
		struct block *next = b->next;
		free(b);
		b = next;
	}
}

void arena_free(struct arena *a)
{
	if (a == NULL) return;
	run_deferred(a);
	free_blocks(a->blocks);
	free(a);
}

void arena_reset(struct arena *a)
{
	run_deferred(a);
	struct block *keep = NULL;
	if (!HAS_ASAN && a->blocks != NULL && a->blocks->size == BLOCK_SIZE) {
		keep = a->blocks;
		a->blocks = keep->next;
		keep->next = NULL;
		keep->used = 0;
	}
	free_blocks(a->blocks);
	a->blocks = keep;
	a->used = 0;
}

static struct block *add_block(struct arena *a, size_t size)
{
	struct block *b = must(malloc(sizeof *b + size));
	*b = (struct block){.next = a->blocks, .size = size};
	a->blocks = b;
	return b;
}

/* Not zeroed. */
static void *take(struct arena *a, size_t size_bytes)
{
	if (size_bytes > a->limit || a->used > a->limit - size_bytes) return NULL;
	a->used += size_bytes;
	if (HAS_ASAN) return add_block(a, size_bytes)->bytes;
	size_t need = aligned(size_bytes);
	struct block *b = a->blocks;
	if (b == NULL || b->size - b->used < need) b = add_block(a, need > BLOCK_SIZE / 2 ? need : BLOCK_SIZE);
	void *p = b->bytes + b->used;
	b->used += need;
	return p;
}

void *arena_alloc(struct arena *a, size_t size_bytes)
{
	void *p = take(a, size_bytes);
	if (p != NULL) memset(p, 0, size_bytes);
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t size_bytes)
{
	size_t total;
	if (__builtin_mul_overflow(count, size_bytes, &total)) return NULL;
	return arena_alloc(a, total);
}

char *arena_strndup(struct arena *a, const char *text, size_t len)
{
	if (len == SIZE_MAX) return NULL;
	char *copy = take(a, len + 1);
	if (copy == NULL) return NULL;
	if (len > 0) memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
	return arena_strndup(a, text, strlen(text));
}

char *arena_cstr(struct arena *a, struct str s)
{
	return arena_strndup(a, s.ptr, s.len);
}

struct str arena_str(struct arena *a, struct str s)
{
	return (struct str){arena_strndup(a, s.ptr, s.len), s.len};
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	char *text = NULL;
	int len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0) abort();
	char *copy = arena_strndup(a, text, (size_t)len);
	free(text);
	return copy;
}

void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg)
{
	struct deferred *d = must(malloc(sizeof *d));
	*d = (struct deferred){a->deferred, fn, arg};
	a->deferred = d;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
