-- A booking that several days have counts as it was read last. What it booked is described by the tree of the day it was
-- read on, or of the last day before that has one.
with latest as (
  select *
  from (
    select b.*, row_number() over (partition by b.id order by b.scrape_date desc) as position
    from {{ ref('bookings') }} b
  ) numbered
  where position = 1
),
trees as (
  select b.scrape_date, max(l.scrape_date) as tree_date
  from (select distinct scrape_date from latest) b
  inner join (select distinct scrape_date from {{ ref('locations') }}) l on l.scrape_date <= b.scrape_date
  group by b.scrape_date
),
places as (
  select b.*, t.tree_date, j.split_id, j.joined_name, j.split_name,
    coalesce(j.split_id, b.location_id) as place_id
  from latest b
  inner join trees t on t.scrape_date = b.scrape_date
  left join {{ ref('joined_rooms') }} j on j.joined_id = b.location_id
)
select distinct
  p.id, p.time_from, p.time_to, p.audit_created_created as created, p.audit_cancelled_created as cancelled_time,
  p.place_id as location_id, p.owner_id, p.booked_by_id, p.status, p.status_reason, p.attendee_count,
  p.split_id, p.joined_name, p.split_name,
  coalesce(p.joined_name, l.name) as name, l.long_qualifier, l.capacity
from places p
inner join {{ ref('locations') }} l on l.id = p.place_id and l.scrape_date = p.tree_date
inner join {{ ref('occupeye_sensors') }} s on s.location = l.id
order by id, location_id
