-- name: CreatePlan :one
insert into plans (name, rate, duration_count, duration_unit, price_minor, currency, on_expiry, pool)
values (@name, @rate, @duration_count, @duration_unit, @price_minor, @currency, @on_expiry, @pool)
returning *;

-- name: ListPlans :many
select * from plans where archived_at is null order by name;

-- name: PlanByName :one
select * from plans where name = @name;
