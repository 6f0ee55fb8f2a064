SET session_replication_role = replica;

--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Data for Name: audit_log_entries; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.audit_log_entries (instance_id, id, payload, created_at, ip_address) FROM stdin;
00000000-0000-0000-0000-000000000000	f2000000-0000-4000-8000-000000000001	{"action":"login","actor_id":"a0000000-0000-4000-8000-000000000001","log_type":"account"}	2026-11-30 08:59:56.990043+00	203.0.113.7
\.


--
-- Data for Name: custom_oauth_providers; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.custom_oauth_providers (id, provider_type, identifier, name, client_id, client_secret, acceptable_client_ids, scopes, pkce_enabled, attribute_mapping, authorization_params, enabled, email_optional, issuer, discovery_url, skip_nonce_check, cached_discovery, discovery_cached_at, authorization_url, token_url, userinfo_url, jwks_uri, created_at, updated_at, custom_claims_allowlist) FROM stdin;
\.


--
-- Data for Name: flow_state; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.flow_state (id, user_id, auth_code, code_challenge_method, code_challenge, provider_type, provider_access_token, provider_refresh_token, created_at, updated_at, authentication_method, auth_code_issued_at, invite_token, referrer, oauth_client_state_id, linking_target_id, email_optional) FROM stdin;
\.


--
-- Data for Name: users; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, invited_at, confirmation_token, confirmation_sent_at, recovery_token, recovery_sent_at, email_change_token_new, email_change, email_change_sent_at, last_sign_in_at, raw_app_meta_data, raw_user_meta_data, is_super_admin, created_at, updated_at, phone, phone_confirmed_at, phone_change, phone_change_token, phone_change_sent_at, email_change_token_current, email_change_confirm_status, banned_until, reauthentication_token, reauthentication_sent_at, is_sso_user, deleted_at, is_anonymous) FROM stdin;
00000000-0000-0000-0000-000000000000	a0000000-0000-4000-8000-000000000001	authenticated	authenticated	ada@moved.example	$2a$10$abcdefghijklmnopqrstuuGtYnN4s.fySd4jM2WxDk90FRX2G16A2	2025-02-03 04:05:06+00	\N		\N		\N			\N	2026-01-02 03:04:05+00	{"plan": "pro", "provider": "email", "providers": ["email", "google"]}	{"name": "Ada", "emoji": "😀", "nested": {"a": [1, 2]}}	\N	2025-02-03 04:00:00+00	2026-01-02 03:04:05+00	\N	\N			\N		0	\N		\N	f	\N	f
00000000-0000-0000-0000-000000000000	a0000000-0000-4000-8000-000000000002	authenticated	authenticated	grace@moved.example	$argon2id$v=19$m=4096,t=2,p=2$c29tZXNhbHRzb21lc2FsdA$nXFQwvJnl+lCqPJzdlSdRFIHkbwNVpGZctPoGKTsmY8	2025-03-03 04:05:06+00	\N		\N		\N			\N	\N	{"provider": "email", "providers": ["email"]}	{"name": "Grace"}	\N	2025-03-03 04:00:00+00	2025-03-03 04:00:00+00	15550001	\N			\N		0	\N		\N	f	\N	f
00000000-0000-0000-0000-000000000000	a0000000-0000-4000-8000-000000000003	authenticated	authenticated	linus@moved.example	$fbscrypt$v=1,n=12,r=8,p=1,ss=Qnc=,sk=Y4Rm1IrOwHkNbGRbpYKDwwIwGfdYnuH064sQpr/VEsQPvNO81wCGlZ4JUpRPVqG8jyO2V7RXu9594m+irfIR/A==$cGVwcGVyIGFuZCBzYWx0IQ==$orw1oNlw5yTUx4UkosRssxgNaKjLJZpRBgpTSwnmJtpQ7ELf0qL1SrLj+Q7ThA+ZS22Zx8O1SWpu0OMiqClnLA==	2025-03-03 04:05:06+00	\N		\N		\N			\N	\N	{"provider": "email", "providers": ["email"]}	{}	\N	2025-03-03 04:00:00+00	2025-03-03 04:00:00+00	\N	\N			\N		0	\N		\N	f	\N	f
00000000-0000-0000-0000-000000000000	a0000000-0000-4000-8000-000000000004	authenticated	authenticated	new@moved.example	$2a$10$abcdefghijklmnopqrstuuGtYnN4s.fySd4jM2WxDk90FRX2G16A2	\N	\N	4f9f0000000000000000000000000000000000000000000000000001	\N		\N			\N	\N	{"provider": "email", "providers": ["email"]}	{}	\N	2025-03-03 04:00:00+00	2025-03-03 04:00:00+00	\N	\N			\N		0	\N		\N	f	\N	f
\.


--
-- Data for Name: identities; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at, id) FROM stdin;
a0000000-0000-4000-8000-000000000001	a0000000-0000-4000-8000-000000000001	{"sub": "a0000000-0000-4000-8000-000000000001", "email": "ada@moved.example", "email_verified": true, "phone_verified": false}	email	2025-02-03 04:00:00+00	2025-02-03 04:00:00+00	2025-02-03 04:00:00+00	b0000000-0000-4000-8000-000000000001
a0000000-0000-4000-8000-000000000002	a0000000-0000-4000-8000-000000000002	{"sub": "a0000000-0000-4000-8000-000000000002", "email": "grace@moved.example", "email_verified": true, "phone_verified": false}	email	2025-03-03 04:00:00+00	2025-03-03 04:00:00+00	2025-03-03 04:00:00+00	b0000000-0000-4000-8000-000000000002
a0000000-0000-4000-8000-000000000003	a0000000-0000-4000-8000-000000000003	{"sub": "a0000000-0000-4000-8000-000000000003", "email": "linus@moved.example", "email_verified": true, "phone_verified": false}	email	2025-03-03 04:00:00+00	2025-03-03 04:00:00+00	2025-03-03 04:00:00+00	b0000000-0000-4000-8000-000000000003
a0000000-0000-4000-8000-000000000004	a0000000-0000-4000-8000-000000000004	{"sub": "a0000000-0000-4000-8000-000000000004", "email": "new@moved.example", "email_verified": true, "phone_verified": false}	email	2025-03-03 04:00:00+00	2025-03-03 04:00:00+00	2025-03-03 04:00:00+00	b0000000-0000-4000-8000-000000000004
104829384756	a0000000-0000-4000-8000-000000000001	{"iss": "https://accounts.google.com", "sub": "104829384756", "email": "ada@moved.example", "full_name": "Ada", "email_verified": true}	google	2026-11-30 08:59:56.990043+00	2026-11-30 08:59:56.990043+00	2026-11-30 08:59:56.990043+00	c0000000-0000-4000-8000-000000000001
\.


--
-- Data for Name: instances; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.instances (id, uuid, raw_base_config, created_at, updated_at) FROM stdin;
\.


--
-- Data for Name: oauth_clients; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.oauth_clients (id, client_secret_hash, registration_type, redirect_uris, grant_types, client_name, client_uri, logo_uri, created_at, updated_at, deleted_at, client_type, token_endpoint_auth_method) FROM stdin;
f3000000-0000-4000-8000-000000000001	\N	manual	https://a.example	authorization_code	\N	\N	\N	2026-11-30 08:59:56.990043+00	2026-11-30 08:59:56.990043+00	\N	confidential	none
\.


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.sessions (id, user_id, created_at, updated_at, factor_id, aal, not_after, refreshed_at, user_agent, ip, tag, oauth_client_id, refresh_token_hmac_key, refresh_token_counter, scopes) FROM stdin;
d0000000-0000-4000-8000-000000000001	a0000000-0000-4000-8000-000000000001	2026-11-30 08:59:56.990043+00	2026-11-30 08:59:56.990043+00	\N	aal1	\N	\N	Mozilla/5.0	203.0.113.7	\N	\N	\N	\N	\N
\.


--
-- Data for Name: mfa_amr_claims; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.mfa_amr_claims (session_id, created_at, updated_at, authentication_method, id) FROM stdin;
d0000000-0000-4000-8000-000000000001	2026-11-30 08:59:56.990043+00	2026-11-30 08:59:56.990043+00	password	e0000000-0000-4000-8000-000000000001
\.


--
-- Data for Name: mfa_factors; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.mfa_factors (id, user_id, friendly_name, factor_type, status, created_at, updated_at, secret, phone, last_challenged_at, web_authn_credential, web_authn_aaguid, last_webauthn_challenge_data) FROM stdin;
f1000000-0000-4000-8000-000000000001	a0000000-0000-4000-8000-000000000003	phone	totp	unverified	2026-11-30 08:59:56.990043+00	2026-11-30 08:59:56.990043+00	JBSWY3DPEHPK3PXP	\N	\N	\N	\N	\N
\.


--
-- Data for Name: mfa_challenges; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.mfa_challenges (id, factor_id, created_at, verified_at, ip_address, otp_code, web_authn_session_data) FROM stdin;
\.


--
-- Data for Name: oauth_authorizations; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.oauth_authorizations (id, authorization_id, client_id, user_id, redirect_uri, scope, state, resource, code_challenge, code_challenge_method, response_type, status, authorization_code, created_at, expires_at, approved_at, nonce) FROM stdin;
\.


--
-- Data for Name: oauth_client_states; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.oauth_client_states (id, provider_type, code_verifier, created_at) FROM stdin;
\.


--
-- Data for Name: oauth_consents; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.oauth_consents (id, user_id, client_id, scopes, granted_at, revoked_at) FROM stdin;
\.


--
-- Data for Name: one_time_tokens; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at) FROM stdin;
f0000000-0000-4000-8000-000000000001	a0000000-0000-4000-8000-000000000004	confirmation_token	4f9f0000000000000000000000000000000000000000000000000001	new@moved.example	2026-11-30 08:59:56.990043	2026-11-30 08:59:56.990043
\.


--
-- Data for Name: refresh_tokens; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.refresh_tokens (instance_id, id, token, user_id, revoked, created_at, updated_at, parent, session_id) FROM stdin;
00000000-0000-0000-0000-000000000000	4711	moved-token-first-00000	a0000000-0000-4000-8000-000000000001	t	2026-11-30 08:59:56.990043+00	2026-11-30 08:59:56.990043+00	\N	d0000000-0000-4000-8000-000000000001
00000000-0000-0000-0000-000000000000	4712	moved-token-0000000000	a0000000-0000-4000-8000-000000000001	f	2026-11-30 08:59:56.990043+00	2026-11-30 08:59:56.990043+00	moved-token-first-00000	d0000000-0000-4000-8000-000000000001
\.


--
-- Data for Name: sso_providers; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.sso_providers (id, resource_id, created_at, updated_at, disabled) FROM stdin;
\.


--
-- Data for Name: saml_providers; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.saml_providers (id, sso_provider_id, entity_id, metadata_xml, metadata_url, attribute_mapping, created_at, updated_at, name_id_format) FROM stdin;
\.


--
-- Data for Name: saml_relay_states; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.saml_relay_states (id, sso_provider_id, request_id, for_email, redirect_to, created_at, updated_at, flow_state_id) FROM stdin;
\.


--
-- Data for Name: schema_migrations; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.schema_migrations (version) FROM stdin;
20171026211738
20260302000000
\.


--
-- Data for Name: sso_domains; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.sso_domains (id, sso_provider_id, domain, created_at, updated_at) FROM stdin;
\.


--
-- Data for Name: webauthn_challenges; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.webauthn_challenges (id, user_id, challenge_type, session_data, created_at, expires_at) FROM stdin;
\.


--
-- Data for Name: webauthn_credentials; Type: TABLE DATA; Schema: auth; Owner: -
--

COPY auth.webauthn_credentials (id, user_id, credential_id, public_key, attestation_type, aaguid, sign_count, transports, backup_eligible, backed_up, friendly_name, created_at, updated_at, last_used_at) FROM stdin;
\.


--
-- Name: refresh_tokens_id_seq; Type: SEQUENCE SET; Schema: auth; Owner: -
--

SELECT pg_catalog.setval('auth.refresh_tokens_id_seq', 4712, true);


--
-- PostgreSQL database dump complete
--



RESET ALL;
