-- A device that served in two surveys has rows in both; what it saw belongs to the survey that it saw it in.
select
  o.obs_datetime, o.sensor_value,
  s.building, s.category_1, s.category_2, s.category_3, s.devicetype, s.floor, s.hardwareid, s.hostaddress, s.location,
  s.piraddress, s.roomdescription, s.roomid, s.roomname, s.roomtype, s.sensorid, s.sharehardwareid, s.shareid,
  s.surveydeviceid, s.survey_id
from {{ ref('occupeye_sensor_observations') }} o
inner join {{ ref('occupeye_sensors') }} s on s.surveydeviceid = o.survey_device_id and s.survey_id = o.survey_id
inner join {{ ref('locations') }} l on l.id = s.location
where l.scrape_date = (select max(scrape_date) from {{ ref('locations') }})
order by s.survey_id, s.surveydeviceid, o.obs_datetime
