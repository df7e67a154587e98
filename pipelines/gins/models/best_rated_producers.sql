-- The 10 producers with the best mean rating, no minimum number of gins; ties by name.
select position, producer, mean_rating, rated_gins
from (
  select row_number() over (order by mean_rating desc, producer) as position, producer, mean_rating, rated_gins
  from {{ ref('producer_ratings') }}
) ranked
where position <= 10
order by position
