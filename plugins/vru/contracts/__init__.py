"""What a partner feed promises: the model of `feeds/<feed>.yml` and its loader."""

from vru.contracts.loader import ContractError, load_contract, load_contracts
from vru.contracts.model import Column, Contract, Resource

__all__ = ["Column", "Contract", "ContractError", "Resource", "load_contract", "load_contracts"]
