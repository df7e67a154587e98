-- The 10 best rated gins; ties by name, then id.
select position, id, name, producer, country, average_rating, rating_count
from (
  select row_number() over (order by average_rating desc, name, id) as position,
         id, name, producer, country, average_rating, rating_count
  from {{ ref('gins') }}
  where average_rating is not null
) ranked
where position <= 10
order by position
