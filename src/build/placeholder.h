/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in a build in place of an environment's own address and keys, until build_bind writes those. Bundlers
 * carry each through as one literal, whatever they do around it; none occurs in code by chance; what is written in
 * their place may have any length. */
#ifndef FREEHOLD_BUILD_PLACEHOLDER_H
#define FREEHOLD_BUILD_PLACEHOLDER_H

#define PLACEHOLDER_HOST "freehold-origin-placeholder.invalid"
#define PLACEHOLDER_ORIGIN "https://" PLACEHOLDER_HOST
#define PLACEHOLDER_SOCKET "wss://" PLACEHOLDER_HOST /* becomes ws:// for an http:// address */
#define PLACEHOLDER_ANON_KEY "freehold-anon-key-placeholder-5d0c81f2"
#define PLACEHOLDER_PUBLISHABLE_KEY "freehold-publishable-key-placeholder-b73e94a6"
#define PLACEHOLDER_PROJECT "freehold-project-placeholder-1e6f"

#endif
