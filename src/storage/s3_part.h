/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads in parts: a row of storage.s3_multipart_uploads each, and of s3_multipart_uploads_parts one for each part,
 * whose file lies among the others by its version and is named by nothing else. Who made an upload, or is
 * service_role, may go on with it; whether the object may be written is asked again each time. One that is never
 * completed is removed by the sweep. */
#ifndef FREEHOLD_STORAGE_S3_PART_H
#define FREEHOLD_STORAGE_S3_PART_H

#include "storage/s3.h"

struct s3_part_row {
	const char *upload, *number;
	struct upload *up;
	uint64_t others_bytes; /* of the upload's other parts */
	const char *version;
	void (*found)(struct storage_call *call);
	void (*then)(struct storage_call *call);
};

/* uploadId and partNumber of the query. False: the call is answered. */
bool s3_part_read(struct storage_call *call, struct s3_part_row *part);

/* That the upload is there, is this object's and the caller's; fills in up from it. */
void s3_part_find(struct storage_call *call, struct s3_part_row *part, struct upload *up,
		  void (*then)(struct storage_call *call));

/* Whether a part of so many bytes is allowed beside the others, once upload_check has said the limit. False: the call
 * is answered. */
bool s3_part_fits(struct storage_call *call, struct s3_part_row *part, uint64_t bytes);

/* The row of a part whose file is in its place; a former one of its number goes. A refusal answers and takes the file
 * away. */
void s3_part_commit(struct storage_call *call, struct s3_part_row *part, const struct stored *stored,
		    void (*then)(struct storage_call *call));

/* What the statements of uploads share: $1 the upload, $2 bucket, $3 key, $4 owner, $5 whether all are seen. */
#define S3_UPLOAD_IS                                                                                                   \
	"u.id = $1 and u.bucket_id = $2 and u.key = $3 and ($5::boolean or u.owner_id is not distinct from $4)"

#endif
