/* SPDX-License-Identifier: Apache-2.0 */
#include "app/pin.h"

#include "app/web.h"

bool pin_forget(const struct flow *f, const char *app, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	edge_app_host(app, host);
	return edge_unset_pinned(&f->edge, host, err);
}

bool pin_follow_setting(const struct flow *f, const char *app, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	struct web_settings settings;
	if (!web_settings_get(f, app, &settings, err)) return false;
	if (!settings.is_pinned) return pin_forget(f, app, err);
	edge_app_host(app, host);
	return edge_begin_pinned(&f->edge, host, err);
}

bool pin_keep(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char host[EDGE_HOST_SIZE], dir[FILE_PATH_SIZE], target[FILE_PATH_SIZE];
	struct web_settings settings;
	if (!web_settings_get(f, app, &settings, err) || !layout_app(&f->layout, app, "", dir, err)) return false;
	if (!settings.is_pinned || !web_is_there(dir, release)) return true;
	edge_app_host(app, host);
	return file_path(target, err, "../../../apps/%s/releases/%lld", app, (long long)release) &&
	       edge_set_pinned(&f->edge, host, release, target, err);
}

bool pin_let_go(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	edge_app_host(app, host);
	return edge_set_pinned(&f->edge, host, release, NULL, err);
}
