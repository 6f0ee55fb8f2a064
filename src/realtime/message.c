/* SPDX-License-Identifier: Apache-2.0 */
#include "realtime/message.h"

#include "codec/json.h"

#define KIND_PUSH 0
#define KIND_BROADCAST_PUSH 3
#define KIND_BROADCAST 4

static struct str text_of(const json_t *value)
{
	if (!json_is_string(value)) return (struct str){NULL, 0};
	return (struct str){json_string_value(value), json_string_length(value)};
}

static bool is_text_or_null(const json_t *value)
{
	return value == NULL || json_is_null(value) || json_is_string(value);
}

static bool take(struct message_read *m, const json_t *join_ref, const json_t *ref, const json_t *topic,
		 const json_t *event, json_t *payload, struct err *err)
{
	if (!json_is_string(topic) || !json_is_string(event) || !is_text_or_null(ref) || !is_text_or_null(join_ref))
		return err_set(err, ERR_INVALID, "topic and event must be texts, ref and join_ref texts or null");
	if (payload != NULL && !json_is_object(payload))
		return err_set(err, ERR_INVALID, "the payload must be an object");
	m->message = (struct message){.join_ref = text_of(join_ref),
				      .ref = text_of(ref),
				      .topic = text_of(topic),
				      .event = text_of(event),
				      .payload = payload};
	if (payload != NULL) return true;
	(void)json_array_append_new(m->root, json_object());
	m->message.payload = json_array_get(m->root, json_array_size(m->root) - 1);
	return true;
}

static bool read_text(enum message_version version, struct str bytes, struct message_read *m, struct err *err)
{
	json_t *value = NULL;
	m->root = json_array(); /* keeps all that the message borrows */
	if (!json_parse(bytes, &value, err)) return false;
	(void)json_array_append_new(m->root, value);
	if (version == MESSAGE_V1)
		return json_is_object(value)
			   ? take(m, json_object_get(value, "join_ref"), json_object_get(value, "ref"),
				  json_object_get(value, "topic"), json_object_get(value, "event"),
				  json_object_get(value, "payload"), err)
			   : err_set(err, ERR_INVALID, "a message of version 1.0.0 is an object");
	if (!json_is_array(value) || json_array_size(value) < 5)
		return err_set(err, ERR_INVALID, "a message of version 2.0.0 is a list of five");
	return take(m, json_array_get(value, 0), json_array_get(value, 1), json_array_get(value, 2),
		    json_array_get(value, 3), json_array_get(value, 4), err);
}

static struct str cut(struct str *rest, size_t len)
{
	struct str part = str_sub(*rest, 0, len);
	*rest = str_sub(*rest, len, rest->len);
	return part;
}

static struct str or_null(struct str text)
{
	return text.len > 0 ? text : (struct str){NULL, 0};
}

/* The payload must be JSON where it says so: it is passed on as it is. */
static bool check_user_payload(struct message_read *m, struct err *err)
{
	const struct message *b = &m->message;
	json_t *value = NULL, *metadata = NULL;
	if (!str_is_utf8(b->topic) || !str_is_utf8(b->user_event) || !str_is_utf8(b->ref) || !str_is_utf8(b->join_ref))
		return err_set(err, ERR_INVALID, "a name in the binary message is no UTF-8");
	if (b->metadata.len > 0 && !json_parse(b->metadata, &metadata, err)) return false;
	json_decref(metadata);
	if (!b->is_json) return true;
	bool ok = json_parse(b->user_payload, &value, err);
	json_decref(value);
	return ok;
}

static bool read_binary(struct str bytes, struct message_read *m, struct err *err)
{
	const unsigned char *head = (const unsigned char *)bytes.ptr;
	if (bytes.len < 7 || head[0] != KIND_BROADCAST_PUSH)
		return err_set(err, ERR_INVALID, "the binary message is of no kind that is known here");
	size_t sizes[5], sum = 0;
	for (int i = 0; i < 5; i++) sum += sizes[i] = head[i + 1];
	if (bytes.len - 7 < sum) return err_set(err, ERR_INVALID, "the binary message is cut off");
	struct str rest = str_sub(bytes, 7, bytes.len);
	struct message *b = &m->message;
	b->is_json = head[6] != 0;
	b->join_ref = or_null(cut(&rest, sizes[0]));
	b->ref = or_null(cut(&rest, sizes[1]));
	b->topic = cut(&rest, sizes[2]);
	b->user_event = cut(&rest, sizes[3]);
	b->metadata = cut(&rest, sizes[4]);
	b->user_payload = rest;
	b->event = STR("broadcast");
	return check_user_payload(m, err);
}

bool message_read(enum message_version version, bool is_binary, struct str bytes, struct message_read *ret,
		  struct err *err)
{
	struct message_read m = {0};
	bool ok;
	if (!is_binary)
		ok = read_text(version, bytes, &m, err);
	else if (version == MESSAGE_V2)
		ok = read_binary(bytes, &m, err);
	else
		ok = err_set(err, ERR_INVALID, "version 1.0.0 has no binary messages");
	if (!ok) {
		message_done(&m);
		return false;
	}
	*ret = m;
	return true;
}

void message_done(struct message_read *m)
{
	json_decref(m->root);
	*m = (struct message_read){0};
}

/* The length of the UTF-8 sequence that begins here; 0: none does. */
static size_t sequence(struct str s)
{
	unsigned char c = (unsigned char)s.ptr[0];
	size_t len = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
	return len <= s.len && str_is_utf8(str_sub(s, 0, len)) ? len : 0;
}

void message_put_string(struct str text, struct buf *b)
{
	static const char plain[] = "\"\\";
	buf_putc(b, '"');
	for (size_t i = 0; i < text.len;) {
		size_t run = i;
		while (run < text.len && (unsigned char)text.ptr[run] >= 0x20 && (unsigned char)text.ptr[run] < 0x80 &&
		       strchr(plain, text.ptr[run]) == NULL)
			run++;
		buf_append(b, text.ptr + i, run - i);
		i = run;
		if (i == text.len) break;
		unsigned char c = (unsigned char)text.ptr[i];
		if (c >= 0x80) {
			size_t len = sequence(str_sub(text, i, text.len));
			if (len > 0)
				buf_append(b, text.ptr + i, len);
			else
				buf_puts(b, "\xEF\xBF\xBD");
			i += len > 0 ? len : 1;
			continue;
		}
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else
			buf_printf(b, "\\u%04x", c);
		i++;
	}
	buf_putc(b, '"');
}

static void put_or_null(struct str text, struct buf *b)
{
	if (text.ptr != NULL)
		message_put_string(text, b);
	else
		buf_puts(b, "null");
}

void message_write(enum message_version version, struct str join_ref, struct str ref, struct str topic,
		   struct str event, struct str payload, struct buf *b)
{
	if (version == MESSAGE_V1) {
		buf_puts(b, "{\"ref\":");
		put_or_null(ref, b);
		buf_puts(b, ",\"topic\":");
		message_put_string(topic, b);
		buf_puts(b, ",\"event\":");
		message_put_string(event, b);
		buf_puts(b, ",\"payload\":");
		buf_str(b, payload);
		buf_putc(b, '}');
		return;
	}
	buf_putc(b, '[');
	put_or_null(join_ref, b);
	buf_putc(b, ',');
	put_or_null(ref, b);
	buf_putc(b, ',');
	message_put_string(topic, b);
	buf_putc(b, ',');
	message_put_string(event, b);
	buf_putc(b, ',');
	buf_str(b, payload);
	buf_putc(b, ']');
}

bool message_write_broadcast(struct str topic, struct str event, struct str metadata, bool is_json, struct str payload,
			     struct buf *b)
{
	if (topic.len > MESSAGE_NAME_MAX || event.len > MESSAGE_NAME_MAX || metadata.len > MESSAGE_NAME_MAX)
		return false;
	const char head[] = {KIND_BROADCAST, (char)topic.len, (char)event.len, (char)metadata.len, is_json};
	buf_append(b, head, sizeof head);
	buf_str(b, topic);
	buf_str(b, event);
	buf_str(b, metadata);
	buf_str(b, payload);
	return true;
}

void message_put_broadcast(struct str event, struct str metadata, struct str payload, struct buf *b)
{
	buf_puts(b, "{\"type\":\"broadcast\",\"event\":");
	message_put_string(event, b);
	buf_puts(b, ",\"payload\":");
	buf_str(b, payload);
	if (metadata.len > 0) {
		buf_puts(b, ",\"meta\":");
		buf_str(b, metadata);
	}
	buf_putc(b, '}');
}
