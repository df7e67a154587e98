-- The 10 best rated gins; ties by name, then id. Of a country, gins have the id there.
select position, id, name, producer, country, average_rating, rating_count
from (
  select row_number() over (order by gins.average_rating desc, gins.name, gins.id) as position,
         gins.id, gins.name, gins.producer, countries.nicename as country, gins.average_rating, gins.rating_count
  from {{ ref('gins') }} gins
  left join {{ ref('countries') }} countries on countries.id = gins.country_id
  where gins.average_rating is not null
) ranked
where position <= 10
order by position
