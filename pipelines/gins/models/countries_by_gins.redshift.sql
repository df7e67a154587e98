-- Countries by the number of their gins, which have the country's id there.
select row_number() over (order by gins desc, country) as position, country, gins
from (
  select countries.nicename as country, count(distinct gins.id) as gins
  from {{ ref('gins') }} gins
  left join {{ ref('countries') }} countries on countries.id = gins.country_id
  group by countries.nicename
) counted
order by position
