-- name: CreatePlan :one
insert into plans (name, rate, duration_count, duration_unit, price_minor, currency, on_expiry, garden_rate, pool)
values (@name, @rate, @duration_count, @duration_unit, @price_minor, @currency, @on_expiry, @garden_rate, @pool)
returning *;

-- name: ListPlans :many
-- Those that are sold come first.
select sqlc.embed(p), (select count(*) from subscribers s where s.plan_id = p.id) as subscribers
from plans p order by p.archived_at is not null, p.name;

-- name: SoldPlans :many
select * from plans where archived_at is null order by name;

-- name: PlansByID :many
select * from plans where id = any(@ids::bigint[]);

-- name: PlanByName :one
select * from plans where name = @name;

-- name: LockPlan :one
-- Changes of one plan come one after the other. It holds up nobody who pays for the plan.
select * from plans where name = @name for no key update;

-- name: CountPlanSubscribers :one
select count(*) from subscribers where plan_id = @plan_id;

-- name: ChangePlan :one
update plans set name = @name, rate = @rate, duration_count = @duration_count, duration_unit = @duration_unit,
    price_minor = @price_minor, on_expiry = @on_expiry, garden_rate = @garden_rate, pool = @pool
where id = @id
returning *;

-- name: ArchivePlan :exec
update plans set archived_at = @now::timestamptz where name = @name;

-- name: LookAtPlanSubscribers :exec
-- Makes everybody of a plan due, so that what the routers should hold is derived anew. In the order of their ids, as
-- everything that locks accounts.
update subscribers set due_at = @now::timestamptz
where id in (select s.id from subscribers s
    where s.plan_id = @plan_id and (s.due_at is null or s.due_at > @now::timestamptz) order by s.id for update);
