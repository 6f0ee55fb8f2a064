/* SPDX-License-Identifier: Apache-2.0
 *
 * Buckets that the app's code or its policies name and no migration creates: on a hosted project somebody made them by
 * hand. They are made at deployment, private unless the code asks for public addresses (getPublicUrl) of them, and
 * told. A bucket that is there stays as it is. */
#ifndef FREEHOLD_DEPLOY_BUCKETS_H
#define FREEHOLD_DEPLOY_BUCKETS_H

#include "deploy/step.h"

/* The database has its migrations. What fails is a note: the app goes live without the bucket, as it would have there.
 */
void buckets_ensure(struct deploy *d);

#endif
