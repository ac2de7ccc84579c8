"""Tells Airflow what was admitted, taken back or parsed again outside its own runs, so that its scheduler builds."""

from __future__ import annotations

import logging

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from vru.orchestration import environment

log = logging.getLogger(__name__)


def emit_raw(feed: str) -> bool:
    """Emit the asset event of a feed; False where Airflow was never set up in this state folder.

    The event goes to Airflow's database through Airflow's own code, so that no page need be up. That code costs two
    seconds to import, and is imported only where it finds something to do.
    """
    environment.apply()
    if not _is_set_up():
        log.debug("%s: Airflow has no tables here; no event", feed)
        return False
    from airflow.assets.manager import asset_manager
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from vru.orchestration import assets

    asset = assets.raw(feed)
    with create_session() as session:
        known = session.scalar(select(AssetModel).where(AssetModel.name == asset.name, AssetModel.uri == asset.uri))
        if known is None:
            log.debug("%s: Airflow has not read the DAGs here yet; no event", feed)
            return False
        asset_manager.register_asset_change(asset=known, session=session)
    return True


def _is_set_up() -> bool:
    """Whether Airflow's tables are there; where only Airflow knows its database, it is taken to be."""
    url = environment.database_url()
    if url is None:
        return True
    found = text("select to_regclass('asset') is not null and to_regclass('asset_dag_run_queue') is not null")
    try:
        with create_engine(url, poolclass=NullPool).connect() as connection:
            return bool(connection.scalar(found))
    except OperationalError:
        return False
