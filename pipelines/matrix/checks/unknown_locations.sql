-- Bookings of the run's window that book something which neither its tree nor the joined rooms have.
select b.id, b.location_id
from {{ ref('bookings') }} b
where b.scrape_date = CAST({{ window.date }} AS DATE)
  and b.location_id not in (select l.id from {{ ref('locations') }} l where l.scrape_date = CAST({{ window.date }} AS DATE))
  and b.location_id not in (select j.joined_id from {{ ref('joined_rooms') }} j)
