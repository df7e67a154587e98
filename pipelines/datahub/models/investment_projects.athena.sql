-- As investment_projects.sql; Athena compares no time with text, and its times are those of UTC.
SELECT
    account_manager_name, account_manager_team, actual_land_date, actual_uk_regions, possible_uk_regions,
    anonymous_description, archived, archived_by_name, archived_by_team, archived_on,
    associated_non_fdi_r_and_d_project_id, average_salary, business_activities, client_relationship_manager_name,
    client_relationship_manager_team, client_requirements, competing_countries, country_lost_to, created_by_name,
    created_by_team, created_on, date_abandoned, date_lost, date_of_latest_interaction, delivery_partners,
    description, estimated_land_date, export_revenue, fdi_type, fdi_value, foreign_equity_investment,
    government_assistance, gross_value_added, gva_multiplier, dh_fdi_project_id, investment_type,
    investor_company_headquarter_type, investor_company_id, investor_company_company_tier, investor_company_sector,
    investor_company_uk_region, investor_type, level_of_involvement, likelihood_to_land, modified_by_name,
    modified_by_team, modified_on, name, new_tech_to_uk, non_fdi_r_and_d_budget, number_new_jobs,
    number_safeguarded_jobs, project_arrived_in_triage_on, project_assurance_adviser_name,
    project_assurance_adviser_team, project_manager_name, project_manager_team, project_reference,
    proposal_deadline, quotable_as_public_case_study, r_and_d_budget, referral_source_activity,
    referral_source_activity_marketing, referral_source_activity_website, sector, some_new_jobs,
    specific_programme, stage, status, strategic_drivers, team_members, total_investment, uk_company_id,
    uk_company_uk_region, uk_company_decided, uk_company_sector
FROM {{ ref('investment_projects_dataset') }}
WHERE created_on >= CAST(from_iso8601_timestamp({{ period.start }}) AT TIME ZONE 'UTC' AS TIMESTAMP)
  AND created_on < CAST(from_iso8601_timestamp({{ period.end }}) AT TIME ZONE 'UTC' AS TIMESTAMP)
