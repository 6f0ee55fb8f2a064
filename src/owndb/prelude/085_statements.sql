-- SPDX-License-Identifier: Apache-2.0
-- What queries cost, counted by PostgreSQL itself; freehold db APP slow reads it. The library is loaded by the cluster's settings.

create extension if not exists pg_stat_statements with schema extensions;
