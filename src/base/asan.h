/* SPDX-License-Identifier: Apache-2.0
 *
 * HAS_ASAN is 1 in a build with AddressSanitizer: it wants each allocation by itself, and far more address space than
 * any limit of ours would leave it. Such a build names ASAN_FINDINGS_DIR, where each program writes what was found in
 * it (base/asan_options.c), and which a sandbox lets it reach. */
#ifndef FREEHOLD_BASE_ASAN_H
#define FREEHOLD_BASE_ASAN_H

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifndef HAS_ASAN
#define HAS_ASAN 0
#endif

#endif
