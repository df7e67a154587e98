-- The tree of the latest day, as far as sensors watch it.
select
  l.id, l.name, l.long_qualifier, l.capacity,
  s.building, s.category_1, s.category_2, s.category_3, s.devicetype, s.floor, s.hardwareid, s.hostaddress, s.location,
  s.piraddress, s.roomdescription, s.roomid, s.roomname, s.roomtype, s.sensorid, s.sharehardwareid, s.shareid,
  s.surveydeviceid, s.survey_id
from {{ ref('locations') }} l
inner join {{ ref('occupeye_sensors') }} s on s.location = l.id
where l.scrape_date = (select max(scrape_date) from {{ ref('locations') }})
order by s.survey_id, l.id, s.surveydeviceid
