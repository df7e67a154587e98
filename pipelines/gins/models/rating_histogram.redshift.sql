-- How the ratings of gins are spread. They are decimals there, whose quotients lose digits.
-- 10 bins of equal width from the smallest to the largest value, the last one closed. Positions are rounded to nine
-- digits, so that a value on an edge falls into the bin that it opens.
select bin, min(lower_edge) as lower_edge, min(upper_edge) as upper_edge, count(*) as gins
from (
  select bin, smallest + width * bin as lower_edge, smallest + width * (bin + 1) as upper_edge
  from (
    select smallest, (largest - smallest) / 10 as width,
           case when value >= largest then 9
                else cast(floor(cast((value - smallest) * 10 / (largest - smallest) as decimal(18, 9))) as integer)
           end as bin
    from (select cast(average_rating as double precision) as value from {{ ref('gins') }} where average_rating is not null) valued
    cross join (select cast(min(average_rating) as double precision) as smallest, cast(max(average_rating) as double precision) as largest from {{ ref('gins') }}) bounds
  ) placed
) binned
group by bin
order by bin
