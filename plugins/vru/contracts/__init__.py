"""What a partner feed promises: the model of `feeds/<feed>.yml`, one module per part, and its loader."""

from vru.contracts.columns import Column
from vru.contracts.contract import Contract
from vru.contracts.formats import Csv, Format, Geojson, Json, Unpivot, Workbook, Zip
from vru.contracts.loader import ContractError, load_contract, load_contracts
from vru.contracts.resource import Resource
from vru.contracts.transport import Arcgis, Archive, Datastore, Inbox, Nomis, Pages

__all__ = [
    "Arcgis",
    "Archive",
    "Column",
    "Contract",
    "ContractError",
    "Csv",
    "Datastore",
    "Format",
    "Geojson",
    "Inbox",
    "Json",
    "Nomis",
    "Pages",
    "Resource",
    "Unpivot",
    "Workbook",
    "Zip",
    "load_contract",
    "load_contracts",
]
