"""Where settings come from, the same for every room: environment, then `.env`, then `footnote.toml`."""

from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class FootnoteSettings(BaseSettings):
    """Read `FOOTNOTE_*`; a flag given by the caller (`StoreSettings(data_dir=…)`) wins over everything.

    `footnote.toml` holds the same names in lower case without the prefix, flat, shared by every subclass:
    that is why a subclass ignores keys that it does not know. An empty variable counts as not set.
    """

    model_config = SettingsConfigDict(
        env_prefix="FOOTNOTE_",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        toml_file="footnote.toml",
        extra="ignore",
        allow_inf_nan=False,
        frozen=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources, the strongest first."""
        return init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls)
