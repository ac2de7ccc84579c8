{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ delete_changed_units('made_reviews', 'review', 'unit_key') }}",
    )
}}
-- One row is one review that stands.
select
    review.board,
    review.review_number,
    review.state,
    review.title,
    review.source_partition,
    review.unit_key,
    review.batch_id,
    review.line_number,
    review.part
from {{ ref('stg_made_reviews__review') }} as review
{% if is_incremental() %}
    where {{ only_changed_units('made_reviews', 'review', 'review', 'unit_key') }}
{% endif %}
