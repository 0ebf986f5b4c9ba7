-- What passes are planned from: stations, a ship's orbit, contacts that come again and again; and the interval that conflicts are found by.

create table station (
  station text primary key,
  description text,
  -- Degrees north and east on WGS 84, metres above it.
  latitude double precision not null,
  longitude double precision not null,
  height_m double precision not null,
  -- JSON: degrees, or [[azimuth, degrees], …]
  mask text not null,
  modified_by text not null,
  modified_at timestamptz not null
);

-- Two lines, with a name above or without.
alter table ship add column tle text;

create table contact (
  contact text primary key,
  -- JSON, as it was asked for.
  definition text not null,
  -- Of the definition as it stands: passes of an earlier one are not mistaken for its own.
  version_id uuid not null,
  -- Every tick up to here became a pass.
  planned_until timestamptz not null,
  -- When to plan on; null: it never comes again.
  next_at timestamptz,
  modified_by text not null,
  modified_at timestamptz not null
) with (fillfactor = 70);
create index contact_next on contact (next_at);

-- The contact that a pass was planned from.
alter table pass add column contact text;
create index pass_of_contact on pass (contact, aos desc, pass_id) where contact is not null;
create index pass_span on pass using gist (tstzrange(opens_at, closes_at))
  where state in ('planned', 'prepass', 'receiving', 'draining');
