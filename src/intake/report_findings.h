/* SPDX-License-Identifier: Apache-2.0
 *
 * The findings in the report (report.h): what stops a first deployment, each by itself with what to do about it, and
 * what is worth knowing, where kinds that come in dozens are one line. */
#ifndef FREEHOLD_INTAKE_REPORT_FINDINGS_H
#define FREEHOLD_INTAKE_REPORT_FINDINGS_H

#include "intake/page.h"

size_t report_count_stops(const json_t *inspection, bool can_accept);
void report_stops(const struct page *p);
void report_warnings(const struct page *p);

#endif
