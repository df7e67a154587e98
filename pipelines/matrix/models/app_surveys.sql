-- Surveys without a room or desk of Matrix are of no use to who compares bookings with sensors.
select distinct s.survey_id, s.name, s.startdate, s.enddate
from {{ ref('occupeye_surveys') }} s
inner join {{ ref('app_locations') }} l on l.survey_id = s.survey_id
order by survey_id
