/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/mailing.h"

#include "base/log.h"

static enum mail_security security_of(enum auth_smtp_security security)
{
	switch (security) {
	case AUTH_SMTP_TLS: return MAIL_TLS_FULL;
	case AUTH_SMTP_STARTTLS: return MAIL_TLS_START;
	case AUTH_SMTP_NONE: return MAIL_TLS_NONE;
	default: return MAIL_TLS_AUTO;
	}
}

static const char *or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

bool mailing_set(struct mail_sender *sender, const struct auth_settings *settings)
{
	struct err err;
	struct mail_smtp smtp = {.host = settings->email.smtp.host,
				 .port = (uint16_t)settings->email.smtp.port,
				 .security = security_of(settings->email.smtp.security),
				 .user = or_null(settings->email.smtp.user),
				 .password = or_null(settings->email.smtp.pass),
				 .from_address = settings->email.smtp.admin_email,
				 .from_name = or_null(settings->email.smtp.sender_name)};
	bool is_on = settings->email.smtp.is_enabled && or_null(settings->email.smtp.host) != NULL;
	if (!mail_sender_set(sender, is_on ? &smtp : NULL, &err)) log_error("backend: mails are not sent: %s", err.msg);
	return is_on;
}
