-- Flows that a pass names: what its products do goes to them. JSON, a list of names; null: it names none.
alter table pass add column flows text;
