-- The 10 gins with the most votes; ties by name, then id. Of a country, gins have the id there.
select position, id, name, producer, country, rating_count, average_rating
from (
  select row_number() over (order by gins.rating_count desc, gins.name, gins.id) as position,
         gins.id, gins.name, gins.producer, countries.nicename as country, gins.rating_count, gins.average_rating
  from {{ ref('gins') }} gins
  left join {{ ref('countries') }} countries on countries.id = gins.country_id
) ranked
where position <= 10
order by position
