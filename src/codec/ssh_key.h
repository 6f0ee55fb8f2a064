/* SPDX-License-Identifier: Apache-2.0
 *
 * An Ed25519 key as ssh(1) writes it: the public half as one line (RFC 4253 6.6, RFC 8709), the private one as
 * OpenSSH's PROTOCOL.key has it, without a passphrase. Pure. */
#ifndef FREEHOLD_CODEC_SSH_KEY_H
#define FREEHOLD_CODEC_SSH_KEY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define SSH_KEY_PUBLIC_BYTES 32
#define SSH_KEY_SECRET_BYTES 64 /* the seed, then the public half, as libsodium has it */
#define SSH_KEY_COMMENT_MAX 100
#define SSH_KEY_TEXT_MAX_BYTES 2048

/* "ssh-ed25519 AAAA… comment", without a line end. */
void ssh_key_public(const unsigned char public_half[SSH_KEY_PUBLIC_BYTES], const char *comment, struct buf *ret_line);

/* "-----BEGIN OPENSSH PRIVATE KEY-----" and so on. check: any number; a reader compares its two copies. */
void ssh_key_private(const unsigned char secret[SSH_KEY_SECRET_BYTES], const char *comment, uint32_t check,
		     struct buf *ret_text);

#endif
