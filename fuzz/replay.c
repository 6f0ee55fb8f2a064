/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzzer's entry point over every file of a corpus folder: replay FOLDER… */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX_BYTES (1u << 20)

static int replay_file(const char *folder, const char *name)
{
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "rb");
	if (f == NULL) return perror(path), -1;
	uint8_t *data = malloc(INPUT_MAX_BYTES);
	size_t size = fread(data, 1, INPUT_MAX_BYTES, f);
	(void)fclose(f);
	/* An exact copy, so that reading past the end is seen. */
	uint8_t *exact = malloc(size > 0 ? size : 1);
	for (size_t i = 0; i < size; i++) exact[i] = data[i];
	free(data);
	(void)LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	int count = 0;
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		if (d == NULL) return perror(argv[i]), 1;
		for (struct dirent *e; (e = readdir(d)) != NULL;) {
			if (e->d_name[0] == '.') continue;
			if (replay_file(argv[i], e->d_name) != 0) return 1;
			count++;
		}
		(void)closedir(d);
	}
	printf("%d inputs replayed\n", count);
	return count > 0 ? 0 : 1;
}
