/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/defaults.h"

#include <stddef.h>

struct words {
	const char *subject, *heading, *lead;
	const char *button; /* NULL: none */
	bool has_code;
	const char *after;
};

#define NOT_YOU "If this was not you, change your password now and tell the people who run this site."

static const struct words words[MAIL_KINDS] = {
    [MAIL_CONFIRMATION] = {"Confirm your address", "One step left",
			   "Please confirm that <b>{{ .Email }}</b> is your address. Your account is ready after that.",
			   "Confirm my address", true,
			   "If you did not sign up, ignore this mail: nothing happens without your confirmation."},
    [MAIL_INVITE] = {"You are invited", "You are invited",
		     "Somebody at {{ .SiteURL }} made an account for <b>{{ .Email }}</b>. Accept it to sign in.",
		     "Accept the invitation", false, "If you do not know what this is about, ignore this mail."},
    [MAIL_RECOVERY] = {"Choose a new password", "Choose a new password",
		       "A new password was asked for the account <b>{{ .Email }}</b>.", "Choose a new password", true,
		       "If you did not ask for it, ignore this mail: your password stays as it is."},
    [MAIL_MAGIC_LINK] = {"Sign in", "Sign in", "Here is your link to sign in as <b>{{ .Email }}</b>. It works once.",
			 "Sign in", true, "If you did not ask for it, ignore this mail."},
    [MAIL_EMAIL_CHANGE] = {"Confirm the change of your address", "A new address for your account",
			   "Please confirm that the address of your account changes from <b>{{ .Email }}</b> to "
			   "<b>{{ .NewEmail }}</b>.",
			   "Confirm the change", true,
			   "If you did not ask for it, do not confirm, and change your password."},
    [MAIL_REAUTHENTICATION] = {"{{ .Token }} is your code", "Your code", "Enter this code to confirm that it is you.",
			       NULL, true, "Give it to nobody. If you did not ask for it, change your password."},
    [MAIL_PASSWORD_CHANGED] = {"Your password was changed", "Your password was changed",
			       "The password of the account <b>{{ .Email }}</b> was changed just now.", NULL, false,
			       NOT_YOU},
    [MAIL_EMAIL_CHANGED] =
	{"The address of your account was changed", "A new address for your account",
	 "The address of your account was changed from <b>{{ .OldEmail }}</b> to <b>{{ .Email }}</b>.", NULL, false,
	 NOT_YOU},
    [MAIL_PHONE_CHANGED] = {"The phone number of your account was changed", "A new phone number",
			    "The phone number of the account <b>{{ .Email }}</b> was changed from {{ .OldPhone }} to "
			    "{{ .Phone }}.",
			    NULL, false, NOT_YOU},
    [MAIL_IDENTITY_LINKED] = {"A new way to sign in was added", "A new way to sign in",
			      "The account <b>{{ .Email }}</b> can now be signed in to with {{ .Provider }}.", NULL,
			      false, NOT_YOU},
    [MAIL_IDENTITY_UNLINKED] = {"A way to sign in was removed", "A way to sign in was removed",
				"The account <b>{{ .Email }}</b> can no longer be signed in to with {{ .Provider }}.",
				NULL, false, NOT_YOU},
    [MAIL_MFA_ENROLLED] = {"A second factor was added", "A second factor was added",
			   "Signing in to <b>{{ .Email }}</b> now also asks for a second factor ({{ .FactorType }}).",
			   NULL, false, NOT_YOU},
    [MAIL_MFA_UNENROLLED] =
	{"A second factor was removed", "A second factor was removed",
	 "Signing in to <b>{{ .Email }}</b> no longer asks for a second factor ({{ .FactorType }}).", NULL, false,
	 NOT_YOU},
};

#define FONT "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light\">\n</head>\n"
    "<body style=\"margin:0;padding:0;background:#f4f4f2\">\n"
    "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" style=\"background:#f4f4f2\">\n"
    "<tr><td align=\"center\" style=\"padding:32px 16px\">\n"
    "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" style=\"max-width:520px;"
    "background:#ffffff;border:1px solid #e4e4e0;border-radius:10px\">\n"
    "<tr><td style=\"padding:36px 36px 28px;" FONT ";font-size:16px;line-height:1.55;color:#1f2421\">\n";

static const char tail[] = "</td></tr>\n</table>\n<p style=\"margin:20px 0 0;" FONT ";font-size:13px;color:#7a807c\">"
			   "<a href=\"{{ .SiteURL }}\" style=\"color:#7a807c\">{{ .SiteURL }}</a></p>\n"
			   "</td></tr>\n</table>\n</body>\n</html>\n";

const char *mail_default_subject(enum mail_kind kind)
{
	return words[kind].subject;
}

void mail_default_html(enum mail_kind kind, struct buf *ret_html)
{
	const struct words *w = &words[kind];
	buf_puts(ret_html, head);
	buf_printf(ret_html,
		   "<h1 style=\"margin:0 0 16px;font-size:22px;line-height:1.3\">%s</h1>\n"
		   "<p style=\"margin:0 0 24px\">%s</p>\n",
		   w->heading, w->lead);
	if (w->button != NULL)
		buf_printf(ret_html,
			   "<p style=\"margin:0 0 24px\"><a href=\"{{ .ConfirmationURL }}\" "
			   "style=\"display:inline-block;padding:12px 22px;background:#1f5f4a;color:#ffffff;"
			   "text-decoration:none;border-radius:7px;font-weight:600\">%s</a></p>\n",
			   w->button);
	if (w->has_code && w->button != NULL)
		buf_puts(ret_html, "{{ if .Token }}<p style=\"margin:0 0 8px\">Or enter this code:</p>\n");
	if (w->has_code)
		buf_puts(ret_html, "<p style=\"margin:0 0 24px;font-size:26px;letter-spacing:5px;font-weight:600\">"
				   "{{ .Token }}</p>\n");
	if (w->has_code && w->button != NULL) buf_puts(ret_html, "{{ end }}");
	buf_printf(ret_html, "<p style=\"margin:0;font-size:14px;color:#5c625e\">%s</p>\n", w->after);
	buf_puts(ret_html, tail);
}
