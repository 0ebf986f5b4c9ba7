create table if not exists scene_extent (idempotency_key text primary key, scene text, extent jsonb);
