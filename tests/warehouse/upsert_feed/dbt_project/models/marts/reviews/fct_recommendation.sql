{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ delete_changed_units('made_reviews', 'recommendation', 'unit_key') }}",
    )
}}
-- One row is one step of one recommendation of a review that stands.
select
    recommendation.board,
    recommendation.of_review,
    recommendation.words,
    recommendation.step,
    recommendation.due,
    recommendation.source_partition,
    recommendation.unit_key,
    recommendation.batch_id,
    recommendation.line_number,
    recommendation.part
from {{ ref('stg_made_reviews__recommendation') }} as recommendation
{% if is_incremental() %}
    where {{ only_changed_units('made_reviews', 'recommendation', 'recommendation', 'unit_key') }}
{% endif %}
