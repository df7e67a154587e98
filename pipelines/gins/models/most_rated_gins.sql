-- The 10 gins with the most votes; ties by name, then id.
select position, id, name, producer, country, rating_count, average_rating
from (
  select row_number() over (order by rating_count desc, name, id) as position,
         id, name, producer, country, rating_count, average_rating
  from {{ ref('gins') }}
) ranked
where position <= 10
order by position
