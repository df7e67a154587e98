-- Countries by the number of their producers; gins have the country's id there.
select row_number() over (order by producers desc, country) as position, country, producers
from (
  select countries.nicename as country, count(distinct gins.producer) as producers
  from {{ ref('gins') }} gins
  left join {{ ref('countries') }} countries on countries.id = gins.country_id
  where gins.producer is not null
  group by countries.nicename
) counted
order by position
